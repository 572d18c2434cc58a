// Package apiserver gives tests a real kube-apiserver, with etcd and
// kube-controller-manager, and with the project's CRDs in force.
//
// A test binary that uses it has
//
//	func TestMain(m *testing.M) { apiserver.Main(m) }
//
// and its tests call Start, which starts one control plane for the whole
// binary upon its first call. The control plane is made by hack/cluster, which
// the first time on a machine takes some minutes to build it and a few seconds
// from then on: give the first run a generous -timeout.
//
// If the environment variable CERTWRIGHT_TEST_KUBECONFIG names a kubeconfig,
// that API server is used instead and nothing is started or stopped. The
// project's CRDs are installed there all the same. Tests make their objects in
// a Namespace of their own, so that several can share the server.
package apiserver
