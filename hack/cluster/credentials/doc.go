// Package credentials makes the certificates, keys and kubeconfigs of a cluster. They last a year, are made once at the
// cluster's first start, and stay in its state folder.
package credentials
