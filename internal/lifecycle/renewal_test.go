package lifecycle

import (
	"crypto/x509"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // as in cmd/controller: the answer must not depend on the machine

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
)

func at(t *testing.T, text string) time.Time {
	t.Helper()
	when, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return when
}

// A certificate of ninety days from 1 November, 10:00 UTC; without windows it
// is due on 31 December, 10:00 UTC.
func TestRenewalTime(t *testing.T) {
	t.Parallel()
	before := func(d time.Duration) cmv1.CertificateSpec {
		return cmv1.CertificateSpec{RenewBefore: &metav1.Duration{Duration: d}}
	}
	percent := func(n int32) cmv1.CertificateSpec { return cmv1.CertificateSpec{RenewBeforePercentage: &n} }
	within := func(list ...cmv1.CertificateRenewalWindows) cmv1.CertificateSpec {
		return cmv1.CertificateSpec{Renewal: windows(list...)}
	}
	for name, c := range map[string]struct {
		spec     cmv1.CertificateSpec
		lifetime time.Duration // 90 days if zero
		now      string        // birth if empty
		want     string        // "" is never
		note     string
	}{
		"a third is left by default":                      {want: "2026-12-31T10:00:00Z"},
		"renewBefore is measured from the end":            {spec: before(10 * day), want: "2027-01-20T10:00:00Z"},
		"a percentage is of the real lifetime":            {spec: percent(25), lifetime: 4 * day, want: "2026-11-04T10:00:00Z"},
		"disabled is never":                               {spec: cmv1.CertificateSpec{Renewal: &cmv1.CertificateRenewal{Policy: cmv1.CertificateRenewalPolicyDisabled}}},
		"renewBefore of more than the lifetime gives way": {spec: before(91 * day), want: "2026-12-31T10:00:00Z", note: "spec.renewBefore (2184h0m0s) would renew"},
		"renewBefore of the whole lifetime gives way":     {spec: before(90 * day), want: "2026-12-31T10:00:00Z", note: "spec.renewBefore"},
		"renewBefore that leaves four minutes gives way":  {spec: before(56 * time.Minute), lifetime: time.Hour, want: "2026-11-01T10:40:00Z", note: "lives for 1h0m0s"},
		"renewBefore that leaves five minutes holds":      {spec: before(55 * time.Minute), lifetime: time.Hour, want: "2026-11-01T10:05:00Z"},
		"a percentage that leaves nothing gives way":      {spec: percent(99), lifetime: time.Hour, want: "2026-11-01T10:40:00Z", note: "spec.renewBeforePercentage (99)"},
		"a percentage that makes no sense is none":        {spec: percent(120), want: "2026-12-31T10:00:00Z"},

		"a time outside of a window moves to its start":      {spec: within(window("0 2 * * *", "", time.Hour)), want: "2027-01-01T02:00:00Z"},
		"a time within a window stays":                       {spec: within(window("30 9 * * *", "", time.Hour)), want: "2026-12-31T10:00:00Z"},
		"a window ends before its last instant":              {spec: within(window("0 9 * * *", "", time.Hour)), want: "2027-01-01T09:00:00Z"},
		"the next of several windows counts":                 {spec: within(window("0 2 * * *", "", time.Hour), window("0 22 * * *", "", time.Hour)), want: "2026-12-31T22:00:00Z"},
		"one of several that is open counts":                 {spec: within(window("0 2 * * *", "", time.Hour), window("55 9 31 12 *", "", time.Hour)), want: "2026-12-31T10:00:00Z"},
		"windows that overlap are one":                       {spec: within(window("*/5 * * * *", "", time.Hour)), want: "2026-12-31T10:00:00Z"},
		"a time zone counts":                                 {spec: within(window("0 2 * * *", "Europe/Vienna", time.Hour)), want: "2027-01-01T01:00:00Z"},
		"a time zone within cron goes before the other":      {spec: within(window("CRON_TZ=Asia/Tokyo 0 2 * * *", "Europe/Vienna", time.Hour)), want: "2026-12-31T17:00:00Z"},
		"a descriptor is a window at midnight":               {spec: within(window("@daily", "", time.Hour)), want: "2027-01-01T00:00:00Z"},
		"no length is a minute":                              {spec: within(window("0 2 * * *", "", 0)), want: "2027-01-01T02:00:00Z"},
		"a window that was missed is followed by the next":   {spec: within(window("0 2 * * *", "", time.Hour)), now: "2027-01-01T03:00:00Z", want: "2027-01-02T02:00:00Z"},
		"within a later window the time is when that opened": {spec: within(window("0 2 * * *", "", time.Hour)), now: "2027-01-05T02:30:00Z", want: "2027-01-05T02:00:00Z"},
		"a window after expiry does not count":               {spec: within(window("0 2 15 6 *", "", time.Hour)), want: "2026-12-31T10:00:00Z", note: "no renewal window opens in time before the certificate expires at 2027-01-30T10:00:00Z"},
		"a window minutes before expiry does not count":      {spec: within(window("30 9 30 1 *", "", time.Hour)), want: "2026-12-31T10:00:00Z", note: "no renewal window"},
		"a window an hour before expiry counts":              {spec: within(window("0 9 30 1 *", "", time.Hour)), want: "2027-01-30T09:00:00Z"},
		"the last window was missed":                         {spec: within(window("0 2 1 1 *", "", time.Hour)), now: "2027-01-01T03:00:00Z", want: "2026-12-31T10:00:00Z", note: "no renewal window"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			born := at(t, "2026-11-01T10:00:00Z")
			if c.lifetime == 0 {
				c.lifetime = 90 * day
			}
			now := born
			if c.now != "" {
				now = at(t, c.now)
			}
			var open []RenewalWindow
			if c.spec.Renewal != nil {
				var err error
				if open, err = ParseWindows(c.spec.Renewal.Windows); err != nil {
					t.Fatal(err)
				}
			}
			plan := PlanRenewal(&c.spec, open, &x509.Certificate{NotBefore: born, NotAfter: born.Add(c.lifetime)}, born, now)
			got := ""
			if !plan.At.IsZero() {
				got = plan.At.Format(time.RFC3339)
			}
			if got != c.want {
				t.Errorf("renewed at %s, want %s", got, c.want)
			}
			if (c.note == "") != (plan.Note == "") || !strings.Contains(plan.Note, c.note) {
				t.Errorf("note %q, want %q", plan.Note, c.note)
			}
		})
	}
}

// CAs date certificates back by an hour: a margin that leaves less than that
// is over before the certificate is there.
func TestCertificateDatedBackIsNotRenewedAtBirth(t *testing.T) {
	t.Parallel()
	born := at(t, "2026-11-01T10:00:00Z")
	leaf := &x509.Certificate{NotBefore: born.Add(-time.Hour), NotAfter: born.Add(6*day - time.Hour)}
	spec := cmv1.CertificateSpec{RenewBefore: &metav1.Duration{Duration: 6*day - 30*time.Minute}}
	if plan := PlanRenewal(&spec, nil, leaf, born, born); !plan.At.After(born.Add(day)) || plan.Note == "" {
		t.Errorf("renewed at %s, born at %s, note %q", plan.At, born, plan.Note)
	}
}

// In Vienna the clock goes from 2:00 to 3:00 on 29 March 2026 and from 3:00 to
// 2:00 on 25 October.
func TestWindowsKeepLocalTimeWhenClocksChange(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ cron, from, want string }{
		"before spring":                          {"30 4 * * *", "2026-03-28T00:00:00Z", "2026-03-28T03:30:00Z"},
		"after spring it opens an hour earlier":  {"30 4 * * *", "2026-03-29T00:00:00Z", "2026-03-29T02:30:00Z"},
		"the hour left out has no window":        {"30 2 * * *", "2026-03-29T00:00:00Z", "2026-03-30T00:30:00Z"},
		"the hour that comes twice, first":       {"30 2 * * *", "2026-10-24T23:00:00Z", "2026-10-25T00:30:00Z"},
		"the hour that comes twice, second":      {"30 2 * * *", "2026-10-25T01:00:00Z", "2026-10-25T01:30:00Z"},
		"a window over the change keeps length":  {"0 0 * * *", "2026-10-25T02:30:00Z", "2026-10-25T02:30:00Z"}, // within five hours of 00:00 CEST
		"and is over after its length":           {"0 0 * * *", "2026-10-25T03:00:00Z", "2026-10-25T23:00:00Z"},
		"a midnight in winter is an hour later":  {"@midnight", "2026-10-26T12:00:00Z", "2026-10-26T23:00:00Z"},
		"a midnight in summer is two hours away": {"@midnight", "2026-06-26T12:00:00Z", "2026-06-26T22:00:00Z"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			list := []cmv1.CertificateRenewalWindows{window(c.cron, "Europe/Vienna", 5*time.Hour)}
			if !strings.Contains(name, "length") && !strings.Contains(name, "over after") {
				list[0].WindowDuration.Duration = time.Minute
			}
			open, err := ParseWindows(list)
			if err != nil {
				t.Fatal(err)
			}
			from := at(t, c.from)
			got, opens := withinWindows(open, from, from)
			if !opens || got.Format(time.RFC3339) != c.want {
				t.Errorf("opens at %s, want %s", got.Format(time.RFC3339), c.want)
			}
		})
	}
}

func TestWindowsThatMakeNoSenseAreNamed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		window cmv1.CertificateRenewalWindows
		want   string
	}{
		"too few fields":             {window("0 2 * *", "", time.Hour), "expected exactly 5 fields"},
		"a minute that is none":      {window("61 2 * * *", "", time.Hour), "above maximum (59)"},
		"words":                      {window("every night at noon please", "", time.Hour), `cron "every night at noon please"`},
		"a zone and nothing else":    {window("CRON_TZ=UTC", "", time.Hour), "only a time zone"},
		"a zone and blanks":          {window("TZ=UTC   ", "", time.Hour), "only a time zone"},
		"a zone that is none":        {window("0 2 * * *", "Europe/Atlantis", time.Hour), `timezone "Europe/Atlantis" is not known`},
		"a zone in cron":             {window("TZ=Europe/Atlantis 0 2 * * *", "", time.Hour), `timezone "Europe/Atlantis" is not known`},
		"the zone of the machine":    {window("0 2 * * *", "Local", time.Hour), `timezone "Local" depends on where`},
		"in cron too":                {window("CRON_TZ=Local 0 2 * * *", "", time.Hour), `timezone "Local" depends on where`},
		"a zone outside of the base": {window("0 2 * * *", "../../etc/passwd", time.Hour), "is not known"},
		"a day that never comes":     {window("0 0 30 2 *", "", time.Hour), "never comes"},
		"another":                    {window("0 0 31 4,6,9,11 *", "", time.Hour), "never comes"},
		"a distance":                 {window("@every 1h", "", time.Hour), "@every says how often"},
		"no length":                  {cmv1.CertificateRenewalWindows{Cron: "@daily"}, "windowDuration must be set"},
		"a negative length":          {window("@daily", "", -time.Hour), "not be negative"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := ParseWindows([]cmv1.CertificateRenewalWindows{window("0 2 29 2 *", "Europe/Vienna", time.Hour), c.window})
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "read spec.renewal.windows[1]: ") {
				t.Errorf("error %v, want one about the second window with %q", err, c.want)
			}
		})
	}
}

// Whatever is written into a window, it is refused or gives a time: one that
// is within the window, not before the one that was asked for, and the same
// again when it is asked for itself.
func FuzzRenewalWindows(f *testing.F) {
	for _, text := range []string{"0 2 * * *", "@daily", "@every 1h", "CRON_TZ=Europe/Vienna 30 2 * * 0", "TZ=", "0 0 30 2 *", "1-59/7,3 */2 L 1 mon", "* * * * 9223372036854775807", "0-59/9223372036854775807 * * * *"} {
		f.Add(text, "America/Havana", int64(time.Hour), int64(0))
	}
	f.Fuzz(func(t *testing.T, text, zone string, length, from int64) {
		open, err := ParseWindows([]cmv1.CertificateRenewalWindows{window(text, zone, time.Duration(length))})
		if err != nil {
			return
		}
		due := simStart.Add(time.Duration(from % int64(tenYears))).Truncate(time.Second)
		got, opens := withinWindows(open, due, due)
		if !opens {
			return // such as 29 February around 2100
		}
		if got.Before(due) {
			t.Fatalf("%q: %s is before %s", text, got, due)
		}
		if again, _ := withinWindows(open, got, got); !again.Equal(got) {
			t.Fatalf("%q: %s is not within the window: it moves to %s", text, got, again)
		}
	})
}
