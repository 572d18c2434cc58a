package bind

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"text/template"
	"time"

	"github.com/miekg/dns"
)

// Key is a TSIG key.
type Key struct {
	Name      string // with the final dot
	Algorithm string // hmac-sha256 and so on
	Secret    string // base64
}

// Zone is a zone that the server holds.
type Zone struct {
	Name string // with the final dot
	// Records are lines of a zone file, SOA and NS left out.
	Records []string
	// NameServers are the hosts of the NS records; ns1 of the zone, with the
	// server's address, if there are none.
	NameServers []string
	// Updaters are the keys that may change TXT records of the zone. Open lets
	// everybody do so.
	Updaters []Key
	Open     bool
}

// loopback is where servers listen, at ports of their own, unless they are told
// otherwise.
const loopback = "127.0.0.1"

// Options tell how the server is to be.
type Options struct {
	Address string // an IPv4 address; that of loopback if empty
	Port    int    // a free one if zero
	Keys    []Key
	Zones   []Zone
	// Recursive lets the server follow CNAMEs from one of its zones to another,
	// as those do that CAs ask.
	Recursive bool
	// Enter is a command that runs the server elsewhere, in another network
	// namespace for one; Dial connects to there. Here, if there are none.
	Enter []string
	Dial  func(ctx context.Context, network, address string) (net.Conn, error)
}

// Server is a running server.
type Server struct {
	Address string // host:port
	Port    int
	t       testing.TB
	dial    func(ctx context.Context, network, address string) (net.Conn, error)
}

// patience is for a busy machine; the server is there in a tenth of a second.
const patience = 30 * time.Second

// Start runs a server until the test ends.
func Start(t testing.TB, options Options) *Server {
	t.Helper()
	program, err := exec.LookPath("named")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("BIND 9 is not installed: install the package bind9")
		}
		t.Skip("BIND 9 is not installed: install the package bind9")
	}
	if options.Address == "" {
		options.Address = loopback
	}
	if options.Port == 0 {
		options.Port = FreePort(t, options.Address)
	}
	if options.Dial == nil {
		options.Dial = new(net.Dialer).DialContext
	}
	folder := t.TempDir()
	configFile := filepath.Join(folder, "named.conf")
	writeFiles(t, folder, configFile, options)

	ctx, cancel := context.WithCancel(context.Background())
	argv := slices.Concat(options.Enter, []string{program, "-4", "-g", "-n", "1", "-c", configFile})
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...) //nolint:gosec // the program of the package, with a file of the test's
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = patience
	stderr, err := cmd.StderrPipe()
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		cancel()
		t.Fatal(err)
	}
	log := watch(stderr)
	t.Cleanup(func() {
		cancel()
		<-log.ended
		_ = cmd.Wait() // ended by the signal
		if t.Failed() {
			t.Logf("BIND's log:\n%s", log)
		}
	})
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case <-log.running:
	case <-log.ended:
		t.Fatal("BIND has ended")
	case <-late.C:
		t.Fatal("BIND does not run")
	}
	return &Server{Address: net.JoinHostPort(options.Address, strconv.Itoa(options.Port)), Port: options.Port, t: t, dial: options.Dial}
}

// FreePort finds a port that is free over UDP and TCP at all the addresses.
func FreePort(t testing.TB, addresses ...string) int {
	t.Helper()
	for range 100 {
		if port, ok := freePort(t.Context(), addresses); ok {
			return port
		}
	}
	t.Fatal("no port is free")
	return 0
}

func freePort(ctx context.Context, addresses []string) (port int, ok bool) {
	for _, address := range addresses {
		tcp, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(address, strconv.Itoa(port)))
		if err != nil {
			return 0, false
		}
		defer tcp.Close() //nolint:errcheck // a listener that nobody has connected to
		port = tcp.Addr().(*net.TCPAddr).Port
		udp, err := new(net.ListenConfig).ListenPacket(ctx, "udp", net.JoinHostPort(address, strconv.Itoa(port)))
		if err != nil {
			return 0, false
		}
		defer udp.Close() //nolint:errcheck // as above
	}
	return port, true
}

var configTemplate = template.Must(template.New("named.conf").Parse(`
options {
	directory "{{.Folder}}";
	pid-file none;
	session-keyfile none;
	listen-on port {{.Port}} { {{.Address}}; };
	listen-on-v6 { none; };
	recursion {{if .Recursive}}yes{{else}}no{{end}};
	{{if .Recursive}}allow-recursion { any; };{{end}}
	dnssec-validation no;
	empty-zones-enable no;
	notify no;
	allow-transfer { none; };
};
controls { };
{{range .Keys}}key "{{.Name}}" { algorithm {{.Algorithm}}; secret "{{.Secret}}"; };
{{end}}
{{range $i, $z := .Zones}}zone "{{.Name}}" {
	type primary;
	file "{{$i}}.zone";
	{{if .Open}}allow-update { any; };{{else if .Updaters}}update-policy { {{range .Updaters}}grant "{{.Name}}" zonesub TXT; {{end}}};{{end}}
};
{{end}}
`))

func writeFiles(t testing.TB, folder, configFile string, options Options) {
	t.Helper()
	var config bytes.Buffer
	err := configTemplate.Execute(&config, struct {
		Options
		Folder string
	}{options, folder})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(configFile, config.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	for i, zone := range options.Zones {
		if err := os.WriteFile(filepath.Join(folder, strconv.Itoa(i)+".zone"), []byte(zoneFile(zone, options.Address)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func zoneFile(zone Zone, address string) string {
	below := zone.Name
	if zone.Name == "." {
		below = ""
	}
	lines := []string{"$TTL 60", fmt.Sprintf("%s SOA ns1.%s admin.%s 1 3600 600 86400 60", zone.Name, below, below)}
	if len(zone.NameServers) == 0 {
		zone.NameServers = []string{"ns1." + below}
		lines = append(lines, fmt.Sprintf("ns1.%s A %s", below, address))
	}
	for _, host := range zone.NameServers {
		lines = append(lines, fmt.Sprintf("%s NS %s", zone.Name, host))
	}
	return strings.Join(append(lines, zone.Records...), "\n") + "\n"
}

// logged is what the server has said.
type logged struct {
	running, ended chan struct{}

	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func watch(from io.Reader) *logged {
	l := &logged{running: make(chan struct{}), ended: make(chan struct{})}
	go func() {
		defer close(l.ended)
		is := false
		for lines := bufio.NewScanner(from); lines.Scan(); {
			l.mu.Lock()
			l.text.WriteString(lines.Text() + "\n")
			l.mu.Unlock()
			if !is && strings.HasSuffix(lines.Text(), " running") {
				is = true
				close(l.running)
			}
		}
	}()
	return l
}

// TXT returns the values of a TXT record, in no order, or nothing.
func (s *Server) TXT(name string) []string {
	s.t.Helper()
	values, err := s.LookUp(s.t.Context(), name)
	if err != nil {
		s.t.Fatal(err)
	}
	return values
}

// LookUp is TXT for others than the test that started the server.
func (s *Server) LookUp(ctx context.Context, name string) ([]string, error) {
	m := new(dns.Msg)
	m.SetQuestion(name, dns.TypeTXT)
	answer, err := s.exchange(ctx, m, nil)
	if err != nil {
		return nil, fmt.Errorf("look up %s: %w", name, err)
	}
	var values []string
	for _, record := range answer.Answer {
		if txt, ok := record.(*dns.TXT); ok && txt.Hdr.Name == name {
			values = append(values, strings.Join(txt.Txt, ""))
		}
	}
	return values, nil
}

// Replace gives a TXT record these values and no others, as somebody who has a
// key for the zone.
func (s *Server) Replace(ctx context.Context, key Key, zone, name string, values ...string) error {
	header := dns.RR_Header{Name: name, Rrtype: dns.TypeTXT, Class: dns.ClassINET, Ttl: 1}
	m := new(dns.Msg)
	m.SetUpdate(zone)
	m.RemoveRRset([]dns.RR{&dns.TXT{Hdr: header}})
	for _, value := range values {
		m.Insert([]dns.RR{&dns.TXT{Hdr: header, Txt: []string{value}}})
	}
	m.SetTsig(key.Name, dns.Fqdn(key.Algorithm), 300, time.Now().Unix())
	answer, err := s.exchange(ctx, m, map[string]string{key.Name: key.Secret})
	if err != nil {
		return fmt.Errorf("update %s: %w", name, err)
	}
	if answer.Rcode != dns.RcodeSuccess {
		return fmt.Errorf("update %s: %s", name, dns.RcodeToString[answer.Rcode])
	}
	return nil
}

func (s *Server) exchange(ctx context.Context, m *dns.Msg, keys map[string]string) (*dns.Msg, error) {
	conn, err := s.dial(ctx, "tcp", s.Address)
	if err != nil {
		return nil, err
	}
	defer conn.Close() //nolint:errcheck // the question is answered
	answer, _, err := (&dns.Client{TsigSecret: keys}).ExchangeWithConnContext(ctx, m, &dns.Conn{Conn: conn, TsigSecret: keys})
	return answer, err
}
