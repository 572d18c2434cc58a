package page

import (
	"testing"
	"time"
)

func TestACertificateIsInTroubleOnlyIfSomebodyHasToLook(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	at := func(days int) time.Time { return now.AddDate(0, 0, days) }
	for name, c := range map[string]struct {
		row   Row
		class Class
		state string
	}{
		"one in order":                         {Row{Ready: true, NotAfter: at(60), Renewal: at(30)}, Sound, "in order"},
		"one that nobody has looked at":        {Row{Unknown: true}, Working, "new"},
		"a first issuance":                     {Row{Issuing: true, Says: "Issuing certificate as Secret does not exist"}, Working, "being issued"},
		"a first issuance that something bars": {Row{Issuing: true, Says: "Secret does not exist; there is no Issuer"}, Trouble, "held up"},
		"a renewal under way":                  {Row{Ready: true, Issuing: true, NotAfter: at(29), Renewal: at(-1)}, Working, "being renewed"},
		"a renewal that has failed":            {Row{Ready: true, Failed: true, NotAfter: at(29), Renewal: at(-1)}, Trouble, "renewal failed"},
		"a renewal a quarter late":             {Row{Ready: true, Issuing: true, NotAfter: at(30), Renewal: at(-11)}, Trouble, "renewal late"},
		"a renewal that is just due":           {Row{Ready: true, NotAfter: at(30), Renewal: at(-10)}, Sound, "in order"},
		"one that has ended":                   {Row{Ready: true, NotAfter: at(0), Renewal: at(-30)}, Trouble, "expired"},
		"a Secret of somebody else":            {Row{Says: "Secret is for another"}, Trouble, "not ready"},
		"a first issuance that has failed":     {Row{Failed: true, Issuing: true}, Trouble, "failed"},
	} {
		if class, state := c.row.class(now), c.row.state(now); class != c.class || state != c.state {
			t.Errorf("%s is %s, %q; want %s, %q", name, classNames[class], state, classNames[c.class], c.state)
		}
	}
}

func TestABarIsOnTheAxisWhereItsTimesAre(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	a := axis{now.Add(-25 * day), now.Add(75 * day)}
	at := func(days int) time.Time { return now.Add(time.Duration(days) * day) }
	for name, c := range map[string]struct {
		row  Row
		want bar
	}{
		"none yet":           {Row{}, bar{None: true, Now: 250}},
		"within":             {Row{NotBefore: at(-5), Renewal: at(25), NotAfter: at(55)}, bar{X: 200, W: 300, WindowX: 500, Window: 300, RenewalX: 500, Now: 250, Mark: true}},
		"over both ends":     {Row{NotBefore: at(-99), Renewal: at(300), NotAfter: at(400)}, bar{X: 0, W: 1000, WindowX: 1000, RenewalX: 1000, Now: 250}},
		"never renewed":      {Row{NotBefore: at(-5), NotAfter: at(5)}, bar{X: 200, W: 100, WindowX: 300, RenewalX: 300, Now: 250}},
		"ended before it":    {Row{NotBefore: at(-90), Renewal: at(-60), NotAfter: at(-30)}, bar{X: 0, W: 3, Now: 250, Over: true}},
		"of a minute":        {Row{NotBefore: now, NotAfter: now.Add(time.Minute)}, bar{X: 250, W: 3, WindowX: 250, RenewalX: 250, Now: 250}},
		"renewed before all": {Row{NotBefore: at(-5), Renewal: at(-10), NotAfter: at(5)}, bar{X: 200, W: 100, WindowX: 300, RenewalX: 300, Now: 250}},
	} {
		if got := barOf(&c.row, a, now); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

func TestTheSpanFitsFourOfFiveCertificates(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	for want, days := range map[string][]int{"week": {3, 3, 4, 5, 900}, "quarter": {}, "year": {60, 80, 300, 320, 330}, "decade": {900, 900, 9000, 9000, 9000}} {
		var rows []classed
		for _, d := range days {
			rows = append(rows, classed{Row: &Row{NotAfter: now.AddDate(0, 0, d)}})
		}
		if want == "week" {
			rows = append(rows, rows[0])
		}
		got := spanFor("", rows, now)
		if got.Name != want {
			t.Errorf("%v: %s, want %s", days, got.Name, want)
		}
		if ticks := got.ticks(got.axis(now)); len(ticks) < 3 || len(ticks) > 9 {
			t.Errorf("%s has %d marks", got.Name, len(ticks))
		}
		if got := spanFor("year", rows, now); got.Name != "year" {
			t.Errorf("what is asked for is not shown, but %s", got.Name)
		}
	}
}
