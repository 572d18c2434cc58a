// Command solver is a DNS-01 webhook as the community's are: built with the
// public webhook library, started with its flags, with credentials in a Secret
// that its configuration names. It writes records by dynamic updates (RFC 2136).
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/cert-manager/cert-manager/pkg/acme/webhook/apis/acme/v1alpha1"
	"github.com/cert-manager/cert-manager/pkg/acme/webhook/cmd"
	"github.com/miekg/dns"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

func main() { cmd.RunWebhookServer(os.Getenv("GROUP_NAME"), &solver{}) }

// solver implements the library's interface.
type solver struct{ secrets kubernetes.Interface }

// settings are an issuer's configuration of the solver.
type settings struct {
	Nameserver string `json:"nameserver"` // host:port
	KeyName    string `json:"keyName"`    // with the final dot
	SecretRef  struct {
		Name string `json:"name"`
		Key  string `json:"key"`
	} `json:"secretRef"`
}

// Name is the solver's in issuers.
func (s *solver) Name() string { return "updates" }

// Initialize is called once, with the access of the solver's service account.
func (s *solver) Initialize(config *rest.Config, _ <-chan struct{}) (err error) {
	s.secrets, err = kubernetes.NewForConfig(config)
	return err
}

// Present adds a value.
func (s *solver) Present(r *v1alpha1.ChallengeRequest) error {
	return s.update(r, (*dns.Msg).Insert)
}

// CleanUp removes a value.
func (s *solver) CleanUp(r *v1alpha1.ChallengeRequest) error {
	return s.update(r, (*dns.Msg).Remove)
}

func (s *solver) update(r *v1alpha1.ChallengeRequest, change func(*dns.Msg, []dns.RR)) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if r.Config == nil {
		return errors.New("the solver has no configuration")
	}
	var config settings
	if err := json.Unmarshal(r.Config.Raw, &config); err != nil {
		return fmt.Errorf("read configuration: %w", err)
	}
	secret, err := s.secrets.CoreV1().Secrets(r.ResourceNamespace).Get(ctx, config.SecretRef.Name, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("read key: %w", err)
	}
	m := new(dns.Msg)
	m.SetUpdate(r.ResolvedZone)
	header := dns.RR_Header{Name: r.ResolvedFQDN, Rrtype: dns.TypeTXT, Class: dns.ClassINET, Ttl: 1}
	change(m, []dns.RR{&dns.TXT{Hdr: header, Txt: []string{r.Key}}})
	m.SetTsig(config.KeyName, dns.HmacSHA256, 300, time.Now().Unix())
	c := dns.Client{TsigSecret: map[string]string{config.KeyName: string(secret.Data[config.SecretRef.Key])}}
	answer, _, err := c.ExchangeContext(ctx, m, config.Nameserver)
	if err != nil {
		return fmt.Errorf("update %s: %w", r.ResolvedFQDN, err)
	}
	if answer.Rcode != dns.RcodeSuccess {
		return fmt.Errorf("update %s: %s", r.ResolvedFQDN, dns.RcodeToString[answer.Rcode])
	}
	return nil
}
