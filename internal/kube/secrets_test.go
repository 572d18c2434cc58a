package kube

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
)

// secretCluster is the Secrets of a cluster as the API server has them and as
// the two caches show them.
type secretCluster struct {
	mu                sync.Mutex
	version           int
	secrets           map[types.NamespacedName]*corev1.Secret
	labelled, foreign map[types.NamespacedName]*corev1.Secret
	behind            bool // the caches do not follow
	reads             int  // of the API server
	err               map[string]error
}

func newSecretCluster() *secretCluster {
	return &secretCluster{
		secrets: map[types.NamespacedName]*corev1.Secret{}, labelled: map[types.NamespacedName]*corev1.Secret{},
		foreign: map[types.NamespacedName]*corev1.Secret{}, err: map[string]error{},
	}
}

var label = map[string]string{cmv1.PartOfCertManagerControllerLabelKey: "true"}

func keyOf(name string) types.NamespacedName {
	return types.NamespacedName{Namespace: "shop", Name: name}
}

// put stores a Secret. A uid that is not the one before is another Secret.
func (c *secretCluster) put(name string, uid types.UID, labels map[string]string, value string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.version++
	c.secrets[keyOf(name)] = &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: uid, Labels: labels, ResourceVersion: fmt.Sprint(c.version)},
		Data:       map[string][]byte{"value": []byte(value)},
	}
	c.follow()
}

func (c *secretCluster) remove(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.secrets, keyOf(name))
	c.follow()
}

// follow brings the caches up to date.
func (c *secretCluster) follow() {
	if c.behind {
		return
	}
	clear(c.labelled)
	clear(c.foreign)
	for key, s := range c.secrets {
		if s.Labels[cmv1.PartOfCertManagerControllerLabelKey] == "true" {
			c.labelled[key] = s
		} else {
			c.foreign[key] = s
		}
	}
}

func (c *secretCluster) find(from map[types.NamespacedName]*corev1.Secret, which string, key types.NamespacedName) (*corev1.Secret, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.err[which]; err != nil {
		return nil, err
	}
	if which == "live" {
		c.reads++
	}
	if s := from[key]; s != nil {
		return s, nil
	}
	return nil, apierrors.NewNotFound(schema.GroupResource{Resource: "secrets"}, key.Name)
}

type wholeReader struct {
	client.Reader

	c     *secretCluster
	which string
}

func (r wholeReader) Get(_ context.Context, key client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	from := r.c.labelled
	if r.which == "live" {
		from = r.c.secrets
	}
	found, err := r.c.find(from, r.which, key)
	if err == nil {
		found.DeepCopyInto(into.(*corev1.Secret))
	}
	return err
}

type metadataCache struct {
	cache.Cache

	c *secretCluster
}

func (m metadataCache) Get(_ context.Context, key client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	found, err := m.c.find(m.c.foreign, "foreign", key)
	if err != nil {
		return err
	}
	stripped, err := stripToIdentity(&metav1.PartialObjectMetadata{ObjectMeta: found.ObjectMeta})
	if err == nil {
		stripped.(*metav1.PartialObjectMetadata).DeepCopyInto(into.(*metav1.PartialObjectMetadata))
	}
	return err
}

func (c *secretCluster) reader() *Secrets {
	return NewSecrets(wholeReader{c: c, which: "labelled"}, metadataCache{c: c}, wholeReader{c: c, which: "live"})
}

// read is what Get answers, in words, and how often the API server was asked.
func (c *secretCluster) read(t *testing.T, s *Secrets, name string) (answer string, reads int) {
	t.Helper()
	before := c.reads
	secret, err := s.Get(t.Context(), keyOf(name))
	switch {
	case apierrors.IsNotFound(err):
		answer = "none"
	case err != nil:
		answer = err.Error()
	default:
		answer = string(secret.Data["value"])
	}
	return answer, c.reads - before
}

func TestSecretsAreReadOncePerVersion(t *testing.T) {
	t.Parallel()
	rows := []struct {
		sentence string
		happens  func(c *secretCluster)
		want     string
		reads    int
	}{
		{"a Secret that is not there costs nothing", func(*secretCluster) {}, "none", 0},
		{"one with our label is in the cache", func(c *secretCluster) { c.put("a", "1", label, "ours") }, "ours", 0},
		{"and so is its next version", func(c *secretCluster) { c.put("a", "1", label, "ours again") }, "ours again", 0},
		{"when it loses the label it is read", func(c *secretCluster) { c.put("a", "1", nil, "foreign") }, "foreign", 1},
		{"and not read again", func(*secretCluster) {}, "foreign", 0},
		{"nor when another Secret changes", func(c *secretCluster) { c.put("b", "2", nil, "other") }, "foreign", 0},
		{"its next version is read", func(c *secretCluster) { c.put("a", "1", nil, "changed") }, "changed", 1},
		{"and not read again either", func(*secretCluster) {}, "changed", 0},
		{"when it gets the label the cache has it", func(c *secretCluster) { c.put("a", "1", label, "ours") }, "ours", 0},
		{"when it is deleted nothing is read", func(c *secretCluster) { c.remove("a") }, "none", 0},
		{"another one of its name is read", func(c *secretCluster) { c.put("a", "3", nil, "new") }, "new", 1},
		{"also if it has the version of the one before", func(c *secretCluster) { c.version--; c.put("a", "4", nil, "newer") }, "newer", 1},
		{"one that is gone before the cache knows is not found", func(c *secretCluster) {
			c.put("a", "4", nil, "newest")
			c.behind = true
			c.remove("a")
		}, "none", 1},
	}
	c := newSecretCluster()
	s := c.reader()
	for _, row := range rows {
		row.happens(c)
		if answer, reads := c.read(t, s, "a"); answer != row.want || reads != row.reads {
			t.Errorf("%s: %q in %d reads, want %q in %d", row.sentence, answer, reads, row.want, row.reads)
		}
	}
}

func TestSecretBetweenTheCachesIsFoundByALiveRead(t *testing.T) {
	t.Parallel()
	c := newSecretCluster()
	s := c.reader()
	c.put("a", "1", label, "value")
	// The label is taken away: one cache has seen it and the other has not.
	delete(c.labelled, keyOf("a"))
	if answer, _ := c.read(t, s, "a"); answer != "none" {
		t.Fatalf("%q of a Secret that is in neither cache", answer)
	}
	secret, err := s.GetLive(t.Context(), keyOf("a"))
	if err != nil || string(secret.Data["value"]) != "value" {
		t.Errorf("live: %v, %v", secret, err)
	}
	// What was read live serves when the cache comes to know of it.
	c.foreign[keyOf("a")] = c.secrets[keyOf("a")]
	if answer, reads := c.read(t, s, "a"); answer != "value" || reads != 0 {
		t.Errorf("%q in %d reads", answer, reads)
	}
}

func TestFailedReadSaysWhichSecretAndIsNotTakenForAMissingOne(t *testing.T) {
	t.Parallel()
	for which, want := range map[string]string{
		"labelled": "get secret shop/a: down",
		"foreign":  "get metadata of secret shop/a: down",
		"live":     "read secret shop/a: down",
	} {
		c := newSecretCluster()
		c.put("a", "1", nil, "value")
		down := errors.New("down")
		c.err[which] = down
		_, err := c.reader().Get(t.Context(), keyOf("a"))
		if err == nil || err.Error() != want || !errors.Is(err, down) || apierrors.IsNotFound(err) {
			t.Errorf("%s: %v, want %s", which, err, want)
		}
	}
}

func TestFailedReadIsNotKept(t *testing.T) {
	t.Parallel()
	c := newSecretCluster()
	s := c.reader()
	c.put("a", "1", nil, "value")
	c.err["live"] = errors.New("down")
	if answer, _ := c.read(t, s, "a"); !strings.Contains(answer, "down") {
		t.Fatalf("answer %q", answer)
	}
	c.err = nil
	if answer, reads := c.read(t, s, "a"); answer != "value" || reads != 1 {
		t.Errorf("%q in %d reads after the API server was back", answer, reads)
	}
}

func TestKeptSecretsAreBounded(t *testing.T) {
	t.Parallel()
	c := newSecretCluster()
	s := c.reader()
	for i := range 3 * maxForeign {
		c.secrets[keyOf(fmt.Sprint(i))] = &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: fmt.Sprint(i), UID: "u", ResourceVersion: "1"},
			Data:       map[string][]byte{"value": []byte(fmt.Sprint(i))},
		}
	}
	c.follow()
	for i := range 3 * maxForeign {
		if answer, _ := c.read(t, s, fmt.Sprint(i)); answer != fmt.Sprint(i) {
			t.Fatalf("secret %d has %q", i, answer)
		}
		if len(s.kept) > maxForeign {
			t.Fatalf("%d kept", len(s.kept))
		}
	}
	if answer, reads := c.read(t, s, "0"); answer != "0" || reads != 1 {
		t.Errorf("%q in %d reads of one that was dropped", answer, reads)
	}
}

func TestSecretsAreReadByManyAtOnce(t *testing.T) {
	t.Parallel()
	c := newSecretCluster()
	s := c.reader()
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			for i := range 200 {
				c.put(fmt.Sprint(worker), "1", nil, fmt.Sprint(i))
				secret, err := s.Get(t.Context(), keyOf(fmt.Sprint(worker)))
				if err != nil || string(secret.Data["value"]) != fmt.Sprint(i) {
					t.Errorf("worker %d, version %d: %v, %v", worker, i, secret, err)
				}
			}
		})
	}
	all.Wait()
}

func TestForeignSecretsAreKeptWithoutTheirContent(t *testing.T) {
	t.Parallel()
	in := SecretMetadata()
	in.Namespace, in.Name, in.UID, in.ResourceVersion = "shop", "a", "1", "7"
	in.Labels = map[string]string{"large": "label"}
	in.Annotations = map[string]string{"kubectl.kubernetes.io/last-applied-configuration": "the whole Secret"}
	in.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "kubectl"}}
	out, err := stripToIdentity(in)
	if err != nil {
		t.Fatal(err)
	}
	m := out.(*metav1.PartialObjectMetadata)
	if m.Labels != nil || m.Annotations != nil || m.ManagedFields != nil {
		t.Errorf("kept %+v", m)
	}
	if m.Kind != "Secret" || m.Namespace != "shop" || m.Name != "a" || m.UID != "1" || m.ResourceVersion != "7" {
		t.Errorf("lost something of %+v", m)
	}
	// What a watch passes on of a deletion that it missed is no object.
	if other, err := stripToIdentity("tombstone"); err != nil || other != "tombstone" {
		t.Errorf("%v, %v", other, err)
	}
}

func TestCacheHoldsOnlyOurSecrets(t *testing.T) {
	t.Parallel()
	found := false
	for object, by := range CacheOptions().ByObject {
		if _, ok := object.(*corev1.Secret); !ok {
			continue
		}
		found = true
		for text, want := range map[string]bool{"true": true, "false": false, "": false} {
			if by.Label.Matches(labelsOf(text)) != want {
				t.Errorf("label %q: held %t", text, !want)
			}
		}
	}
	if !found {
		t.Error("Secrets are not restricted")
	}
}
