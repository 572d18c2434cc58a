package page_test

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// browser is a headless Chromium, spoken to over pipes in the DevTools
// protocol: JSON with a zero byte behind each message.
type browser struct {
	*testing.T

	to       *os.File
	messages chan message
	last     int
	session  string
	trouble  []string // what it has complained about
}

type message struct {
	ID     int             `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Message string `json:"message"`
	} `json:"error"`
}

// patience is how long a browser may take for one thing on a busy machine.
const patience = time.Minute

func newBrowser(t *testing.T) *browser {
	t.Helper()
	program, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("NOT TESTED in a browser: there is no chromium here (Debian package chromium)")
	}
	in, to, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	from, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
		"--remote-debugging-pipe", "--user-data-dir="+t.TempDir(), "about:blank")
	cmd.ExtraFiles = []*os.File{in, out} // 3 and 4, as it expects
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_, _ = in.Close(), out.Close()
	b := &browser{T: t, to: to, messages: make(chan message, 1000)}
	t.Cleanup(func() {
		// It goes by itself, and with it those that it has started: they write
		// to its folder, which is removed next.
		kill := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
		_, _ = to.WriteString(`{"id":0,"method":"Browser.close"}` + "\x00")
		_ = cmd.Wait() // how it ends is of no interest
		kill.Stop()
		_, _ = to.Close(), from.Close()
	})
	go func() {
		defer close(b.messages)
		r := bufio.NewReader(from)
		for {
			line, err := r.ReadBytes(0)
			if err != nil {
				return
			}
			var m message
			if json.Unmarshal(bytes.TrimSuffix(line, []byte{0}), &m) == nil {
				b.messages <- m
			}
		}
	}()
	var target struct{ TargetID string }
	b.ask("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var attached struct{ SessionID string }
	b.ask("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	b.session = attached.SessionID
	for _, domain := range []string{"Page", "Runtime", "Log"} {
		b.ask(domain+".enable", nil, nil)
	}
	return b
}

// ask sends a command and waits for the answer.
func (b *browser) ask(method string, params map[string]any, into any) {
	b.Helper()
	b.last++
	command := map[string]any{"id": b.last, "method": method, "params": params}
	if params == nil {
		command["params"] = map[string]any{}
	}
	if b.session != "" {
		command["sessionId"] = b.session
	}
	line, err := json.Marshal(command)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := b.to.Write(append(line, 0)); err != nil {
		b.Fatalf("%s: %v", method, err)
	}
	m := b.await(method, func(m message) bool { return m.ID == b.last })
	if m.Error != nil {
		b.Fatalf("%s: %s", method, m.Error.Message)
	}
	if into != nil {
		if err := json.Unmarshal(m.Result, into); err != nil {
			b.Fatal(err)
		}
	}
}

func (b *browser) await(what string, it func(message) bool) message {
	b.Helper()
	late := time.After(patience)
	for {
		select {
		case m, open := <-b.messages:
			switch {
			case !open:
				b.Fatalf("%s: the browser has ended", what)
			case m.Method == "Runtime.exceptionThrown", m.Method == "Runtime.consoleAPICalled", m.Method == "Log.entryAdded":
				b.trouble = append(b.trouble, string(m.Params))
			}
			if it(m) {
				return m
			}
		case <-late:
			b.Fatalf("%s: the browser does not answer", what)
		}
	}
}

func (b *browser) load(address string) {
	b.Helper()
	b.ask("Page.navigate", map[string]any{"url": address}, nil)
	b.await("load "+address, func(m message) bool { return m.Method == "Page.loadEventFired" })
}

// run evaluates an expression in the page.
func (b *browser) run(expression string, into any) {
	b.Helper()
	var answer struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails *struct{ Text string }
	}
	b.ask("Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true, "awaitPromise": true}, &answer)
	if answer.ExceptionDetails != nil {
		b.Fatalf("%s: %s", expression, answer.ExceptionDetails.Text)
	}
	if into != nil {
		if err := json.Unmarshal(answer.Result.Value, into); err != nil {
			b.Fatalf("%s: %v: %s", expression, err, answer.Result.Value)
		}
	}
}

// contrast lists the texts that are too faint for their background: WCAG 2.2,
// 1.4.3, asks for 4.5. Backgrounds are those that the style sheet has.
const contrast = `(() => {
  const parse = (c) => { const m = c.match(/[\d.]+/g).map(Number); return m.length > 3 && m[3] === 0 ? null : m.slice(0, 3); };
  const lum = (c) => { const [r, g, b] = c.map((v) => { v /= 255; return v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; }); return .2126 * r + .7152 * g + .0722 * b; };
  const faint = [];
  for (const e of document.querySelectorAll("body *")) {
    const text = [...e.childNodes].filter((n) => n.nodeType === 3 && n.data.trim()).map((n) => n.data.trim()).join(" ");
    if (!text || !e.getClientRects().length || e.closest("title, datalist")) continue;
    const svg = e instanceof SVGElement, style = getComputedStyle(e), ink = parse(svg ? style.fill : style.color);
    let under = null;
    const box = svg && e.closest("g.box");
    if (box) under = parse(getComputedStyle(box.querySelector("rect")).fill);
    for (let at = e; at && !under; at = at.parentElement) under = parse(getComputedStyle(at).backgroundColor);
    const [a, b] = [lum(ink), lum(under || [255, 255, 255])].sort((x, y) => y - x), ratio = (a + .05) / (b + .05);
    if (ratio < 4.5) faint.push(text.slice(0, 40) + ": " + ratio.toFixed(2));
  }
  return faint;
})()`

func TestAPersonReadsThePageInABrowser(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	server := local(t, &viewer{rows: sample()})
	b.load(server.URL + "/open?ticket=" + ticket)
	for _, scheme := range []string{"light", "dark"} {
		b.ask("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": scheme}}}, nil)
		for _, width := range []int{1280, 375} {
			b.ask("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}, nil)
			for name, path := range map[string]string{"list": "/", "story": "/c/shop/checkout", "filtered": "/?q=pay&only=trouble", "plain": "/c/infra/six-days", "nobody": "/c/shop/nobody"} {
				what := fmt.Sprintf("%s-%s-%d", name, scheme, width)
				b.load(server.URL + path)
				var seen struct {
					Text       string
					Page, View int
					Faint      []string
				}
				b.run(`({text: document.body.innerText, page: document.documentElement.scrollWidth, view: innerWidth, faint: `+contrast+`})`, &seen)
				if seen.Page > width || seen.View > width {
					t.Errorf("%s: it is %d wide, in a window of %d", what, seen.Page, width)
				}
				if len(seen.Faint) > 0 {
					t.Errorf("%s: too faint to be read: %s", what, strings.Join(seen.Faint, "; "))
				}
				if word := map[string]string{"list": "the answer can not be reached", "story": "does not lead to this cluster", "filtered": "checkout", "plain": "six-days", "nobody": "no such Certificate"}[name]; !strings.Contains(seen.Text, word) {
					t.Errorf("%s: %q is not on it:\n%s", what, word, seen.Text)
				}
				b.picture(what)
			}
		}
	}
	for _, complaint := range b.trouble {
		if !strings.Contains(complaint, "404") { // of the page that is not there
			t.Errorf("the browser complains: %s", complaint)
		}
	}
}

func TestThePageFiltersWhileSomebodyTypes(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	server := local(t, &viewer{rows: sample()})
	b.load(server.URL + "/open?ticket=" + ticket)
	b.load(server.URL + "/")
	var rest int
	b.run(`new Promise((done) => {
  new MutationObserver(() => done(document.querySelectorAll("main li").length)).observe(document.body, { childList: true, subtree: true });
  const field = document.querySelector("input[name=q]");
  field.value = "pay";
  field.dispatchEvent(new Event("input", { bubbles: true }));
})`, &rest)
	if rest != 1 {
		t.Errorf("it shows %d certificates, want the one that is for pay.example.com", rest)
	}
	if len(b.trouble) > 0 {
		t.Errorf("the browser complains: %s", b.trouble)
	}
}

// picture keeps what is seen where the environment asks for it, for somebody to
// look at.
func (b *browser) picture(name string) {
	b.Helper()
	folder := os.Getenv("CERTWRIGHT_PICTURES")
	if folder == "" {
		return
	}
	var shot struct{ Data string }
	b.ask("Page.captureScreenshot", map[string]any{"captureBeyondViewport": true}, &shot)
	png, err := base64.StdEncoding.DecodeString(shot.Data)
	if err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, name+".png"), png, 0o600); err != nil {
		b.Fatal(err)
	}
}
