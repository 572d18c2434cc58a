package main

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
)

var (
	defaults = options{certificates: 200, scale: 2000, key: cmv1.ECDSAKeyAlgorithm}
	sizes    = map[int]float64{200: 200, 2000: 2000}
)

// goodRun is a run of the operator that is just inside every budget.
func goodRun(n int) operatorRun {
	each := sizes[n]
	return operatorRun{
		Certificates: n, Took: 90 * time.Second, Rate: 60, CPU: time.Duration(n) * 5 * time.Millisecond, IdleAfter: 5 * time.Second,
		Requests: requests{
			Sent: map[string]float64{"POST": 4*each + 3, "PUT": 3 * each, "PATCH": each, "DELETE": each},
			Writes: []count{
				{kind{"POST", "events"}, 2 * each}, {kind{"POST", "secrets"}, each}, {kind{"POST", "certificaterequests"}, each},
				{kind{"POST", permissionReviews}, 3},
			},
		},
	}
}

func goodRound() round {
	large := goodRun(2000)
	large.CPU = 2000 * 6 * time.Millisecond // 1.2 times
	return round{Small: goodRun(200), Floor: floorRun{Certificates: 200, Took: 2 * time.Second, CPU: 520 * time.Millisecond}, Large: large}
}

func broken(rows []row) []string {
	var figures []string
	for _, r := range rows {
		if !r.OK {
			figures = append(figures, r.Figure)
		}
	}
	return figures
}

func TestWhatIsInsideItsBudgetIsOK(t *testing.T) {
	t.Parallel()
	if diff := cmp.Diff([]string(nil), broken(judge(defaults, goodRound()))); diff != "" {
		t.Error(diff)
	}
}

func TestEachBudgetCanBeBroken(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		figure string
		spoil  func(*round)
		repeat measurements
	}{
		{"requests per certificate, 200 certificates", func(r *round) { r.Small.Requests.Sent["PUT"]++ }, 0},
		{"requests per certificate, 200 certificates", func(r *round) { r.Small.Requests.Sent["GET"]++ }, 0},
		{"requests per certificate, 2000 certificates", func(r *round) { r.Large.Requests.Sent["PUT"]++ }, 0},
		{"of which events", func(r *round) { r.Small.Requests.Writes[0].N++ }, 0},
		{"permission reviews, in all", func(r *round) { r.Small.Took = 59 * time.Second }, 0},
		{"rate, of the plain client's", func(r *round) { r.Small.Rate = 59.9 }, measureSmall},
		{"CPU per certificate, 200 certificates", func(r *round) { r.Small.CPU = 200*6*time.Millisecond + 200 }, measureSmall},
		{"CPU per certificate, 200 certificates", func(r *round) { // on a machine of half the speed
			r.Floor.CPU, r.Large.CPU = 2*r.Floor.CPU, 2*r.Large.CPU
			r.Small.CPU = 200*12*time.Millisecond + 200
		}, measureSmall},
		{"CPU per certificate, 2000 to 200", func(r *round) { r.Large.CPU += 2000 }, measureSmall | measureLarge},
		{"idle after the last is ready, 200 certificates", func(r *round) { r.Small.IdleAfter++ }, measureSmall},
		{"idle after the last is ready, 2000 certificates", func(r *round) { r.Large.NotIdle = true }, measureLarge},
	} {
		t.Run(tc.figure, func(t *testing.T) {
			t.Parallel()
			r := goodRound()
			tc.spoil(&r)
			rows := judge(defaults, r)
			if diff := cmp.Diff([]string{tc.figure}, broken(rows)); diff != "" {
				t.Error(diff)
			}
			if got := toRepeat(rows); got != tc.repeat {
				t.Errorf("to measure once more: %02b; want %02b", got, tc.repeat)
			}
		})
	}
}

func TestRSAKeysHaveNoBudgetOfCPU(t *testing.T) {
	t.Parallel()
	o, r := defaults, goodRound()
	o.key, o.scale = cmv1.RSAKeyAlgorithm, 0
	r.Small.CPU = time.Minute
	if diff := cmp.Diff([]string(nil), broken(judge(o, r))); diff != "" {
		t.Error(diff)
	}
}

func TestATimeHasTwoChancesAndACountNone(t *testing.T) {
	t.Parallel()
	rowsOf := func(timeOK, countOK, elseOK bool) []row {
		return []row{
			{Figure: "time", Measured: "t", Budget: "b", OK: timeOK, of: measureSmall, time: true},
			{Figure: "count", Measured: "c", Budget: "b", OK: countOK, of: measureSmall},
			{Figure: "not measured again", Measured: "n", Budget: "b", OK: elseOK, of: measureSmall | measureLarge, time: true},
		}
	}
	for name, tc := range map[string]struct {
		first, second []row
		want          []string
	}{
		"both good":                  {rowsOf(true, true, true), rowsOf(true, true, true), nil},
		"better the second time":     {rowsOf(false, false, true), rowsOf(true, true, true), []string{"count"}},
		"worse the second time":      {rowsOf(true, true, true), rowsOf(false, false, true), []string{"count"}},
		"bad both times":             {rowsOf(false, true, true), rowsOf(false, true, true), []string{"time"}},
		"half measured again stands": {rowsOf(true, true, false), rowsOf(true, true, true), []string{"not measured again"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			merged := mergeRows(tc.first, tc.second, measureSmall)
			if diff := cmp.Diff(tc.want, broken(merged)); diff != "" {
				t.Error(diff)
			}
			if merged[0].Again != "t" || merged[1].Again != "c" || merged[2].Again != "" {
				t.Errorf("again: %q, %q, %q; want what was measured again, and nothing else", merged[0].Again, merged[1].Again, merged[2].Again)
			}
		})
	}
}

func TestTableShowsASecondRoundOnlyIfThereWasOne(t *testing.T) {
	t.Parallel()
	rows := []row{
		{Figure: "requests", Measured: "9.00", Budget: "<= 9", OK: true},
		{Figure: "memory", Measured: "50 MiB", OK: true},
		{Figure: "rate", Measured: "50 %", Budget: ">= 60 %"},
	}
	want := `figure    measured  budget   ok
requests  9.00      <= 9     yes
memory    50 MiB
rate      50 %      >= 60 %  NO
`
	if diff := cmp.Diff(want, table(rows)); diff != "" {
		t.Error(diff)
	}
	rows[2].Again, rows[2].OK = "61 %", true
	want = `figure    measured  again  budget   ok
requests  9.00             <= 9     yes
memory    50 MiB
rate      50 %      61 %   >= 60 %  yes
`
	if diff := cmp.Diff(want, table(rows)); diff != "" {
		t.Error(diff)
	}
}
