package main

import (
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/test/apiserver"
)

var served = regexp.MustCompile(`https?://127\.0\.0\.1:\d+/[^\s;]*`)

// browse starts the command and returns a browser and the address that it prints.
func (w *world) browse(args ...string) (*http.Client, string) {
	w.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var errs safeBuffer
	done := make(chan int, 1)
	go func() {
		done <- run(ctx, append([]string{"kubectl-certwright", "--kubeconfig", w.kubeconfig, "ui"}, args...), w.terminal("", io.Discard, &errs))
	}()
	w.Cleanup(func() {
		cancel()
		if code := <-done; code != exitOK {
			w.Errorf("it ended with %d: %s", code, errs.String())
		}
	})
	w.eventually("an address", func() bool { return served.MatchString(errs.String()) })
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.Fatal(err)
	}
	return &http.Client{Jar: jar}, served.FindString(errs.String())
}

func (w *world) page(browser *http.Client, address, token string) (int, string) {
	w.Helper()
	r, err := http.NewRequestWithContext(w.Context(), http.MethodGet, address, nil)
	if err != nil {
		w.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := browser.Do(r)
	if err != nil {
		w.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		w.Fatal(err)
	}
	return answer.StatusCode, string(body)
}

func TestThePageShowsAStoryWithoutItsSecretsAndKeepsUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pending()
	browser, address := w.browse()
	if code, _ := w.page(browser, address, ""); code != http.StatusOK {
		t.Fatalf("the address is answered with %d", code)
	}
	root := address[:strings.Index(address, "open")]
	list := root + "?ns=" + w.namespace
	_, body := w.page(browser, list, "")
	if !strings.Contains(body, "shop.example.com: the answer can not be reached from here") {
		t.Errorf("the list is:\n%s", body)
	}
	_, body = w.page(browser, root+"c/"+w.namespace+"/shop", "")
	for _, word := range []string{"Ingress", "web", "shop-tls", "shop-2-77", "HTTP-01", "serial 1a2b", "the answer can not be reached from here", "superseded"} {
		if !strings.Contains(body, word) {
			t.Errorf("the story does not say %q:\n%s", word, body)
		}
	}
	for _, secret := range []string{token, keyAuthorization, "PRIVATE KEY", "BEGIN "} {
		if strings.Contains(body, secret) {
			t.Errorf("the story shows %s", secret)
		}
	}
	w.issued("fresh", 3)
	w.eventually("the new one", func() bool {
		_, body := w.page(browser, list, "")
		return strings.Contains(body, "fresh.example.com")
	})
	if err := w.Delete(w.Context(), w.certificate("fresh")); err != nil {
		t.Fatal(err)
	}
	w.eventually("its end", func() bool {
		_, body := w.page(browser, list, "")
		return !strings.Contains(body, "fresh.example.com")
	})
	if code, _ := w.page(browser, root+"c/"+w.namespace+"/nobody", ""); code != http.StatusNotFound {
		t.Errorf("one that is not there: %d", code)
	}
}

func TestEachViewerSeesWhatHisTokenMaySee(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.issued("shop", 1)
	account := &corev1.ServiceAccount{ObjectMeta: w.named("viewer")}
	w.create(account)
	request := &authenticationv1.TokenRequest{}
	if err := w.SubResource("token").Create(w.Context(), account, request); err != nil {
		t.Fatal(err)
	}
	token := request.Status.Token
	// As the chart has it: no user at all, only where the API server is.
	config := apiserver.Start(t)
	ca, nobody := filepath.Join(t.TempDir(), "ca.crt"), &world{T: t, WithWatch: w.WithWatch, namespace: w.namespace, kubeconfig: filepath.Join(t.TempDir(), "none")}
	for path, content := range map[string][]byte{ca: config.CAData, nobody.kubeconfig: []byte("apiVersion: v1\nkind: Config\n")} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	browser, root := nobody.browse("--viewer-tokens", "--server="+config.Host, "--certificate-authority="+ca)
	shop := root + "c/" + w.namespace + "/shop"
	for _, no := range []string{"", "nonsense"} { // above all not what the kubeconfig of the command may see
		if code, body := w.page(browser, shop, no); code != http.StatusUnauthorized || strings.Contains(body, "shop-tls") {
			t.Errorf("with the token %q: %d", no, code)
		}
	}
	if code, body := w.page(browser, shop, token); code != http.StatusForbidden || strings.Contains(body, "shop-tls") {
		t.Errorf("without permissions: %d\n%s", code, body)
	}
	w.create(
		&rbacv1.Role{ObjectMeta: w.named("viewer"), Rules: []rbacv1.PolicyRule{
			{APIGroups: []string{"cert-manager.io"}, Resources: []string{"certificates", "certificaterequests", "issuers"}, Verbs: []string{"get", "list", "watch"}},
		}},
		&rbacv1.RoleBinding{
			ObjectMeta: w.named("viewer"), RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "viewer"},
			Subjects: []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: w.namespace, Name: "viewer"}},
		})
	w.eventually("the story", func() bool {
		code, _ := w.page(browser, shop, token)
		return code == http.StatusOK
	})
	_, body := w.page(browser, shop, token)
	if !strings.Contains(body, "Orders: "+notAllowed) || strings.Contains(body, "serial 01") {
		t.Errorf("it does not say what is not seen, or shows it:\n%s", body)
	}
	if _, body := w.page(browser, root, token); !strings.Contains(body, "Name a namespace") {
		t.Errorf("the list of all is:\n%s", body)
	}
	if _, body := w.page(browser, root+"?ns="+w.namespace, token); !strings.Contains(body, "shop.example.com") {
		t.Errorf("the list of the namespace is:\n%s", body)
	}
}

func TestThePageIsServedToOthersOnlyByTheirOwnTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ends(w.do("", "ui", "--address", "0.0.0.0"), exitUsage, "--viewer-tokens")
	w.ends(w.do("", "ui", "--address", "home"), exitUsage, "IP address")
	w.ends(w.do("", "ui", "--tls-certificate-file", "x"), exitUsage, "go together")
}

func TestARowSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	at := func(days int) *metav1.Time { return new(metav1.NewTime(noon.AddDate(0, 0, days))) }
	condition := func(kind cmv1.CertificateConditionType, status cmmeta.ConditionStatus, message string) cmv1.CertificateCondition {
		return cmv1.CertificateCondition{Type: kind, Status: status, Message: message}
	}
	for name, c := range map[string]struct {
		status cmv1.CertificateStatus
		want   string // ready, issuing, failed, unknown; what it says
	}{
		"a new one":           {cmv1.CertificateStatus{}, "unknown "},
		"one in order":        {cmv1.CertificateStatus{NotAfter: at(9), Conditions: []cmv1.CertificateCondition{condition("Ready", "True", "fine")}}, "ready fine"},
		"one that is issued":  {cmv1.CertificateStatus{Conditions: []cmv1.CertificateCondition{condition("Ready", "False", "none"), condition("Issuing", "True", "due")}}, "issuing none"},
		"one that has failed": {cmv1.CertificateStatus{LastFailureTime: at(0), FailedIssuanceAttempts: new(1), Conditions: []cmv1.CertificateCondition{condition("Ready", "True", "fine"), condition("Issuing", "False", "refused")}}, "ready failed refused"},
	} {
		row := rowOf(&cmv1.Certificate{Status: c.status})
		got := ""
		for _, w := range []struct {
			so   bool
			word string
		}{{row.Unknown, "unknown "}, {row.Ready, "ready "}, {row.Issuing, "issuing "}, {row.Failed, "failed "}} {
			if w.so {
				got += w.word
			}
		}
		if got += row.Says; got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	if got := instant(nil); !got.Equal(time.Time{}) {
		t.Errorf("no time is %v", got)
	}
}
