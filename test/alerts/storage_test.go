package alerts

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/util/annotations"
)

// language is PromQL as Prometheus reads it without feature flags.
var language = parser.NewParser(parser.Options{})

func newEngine() *promql.Engine {
	return promql.NewEngine(promql.EngineOpts{
		Logger:               slog.New(slog.DiscardHandler),
		MaxSamples:           1_000_000,
		Timeout:              time.Minute,
		EnableAtModifier:     true,
		EnableNegativeOffset: true,
		Parser:               language,
	})
}

// series are samples in the order of their times.
type series struct {
	labels labels.Labels
	times  []int64 // milliseconds since 1970
	values []float64
}

// memory is a storage for a few series.
type memory []series

// Querier implements storage.Queryable.
func (m memory) Querier(mint, maxt int64) (storage.Querier, error) {
	return &querier{memory: m, mint: mint, maxt: maxt}, nil
}

type querier struct {
	memory     memory
	mint, maxt int64
}

// Select implements storage.Querier.
func (q *querier) Select(_ context.Context, _ bool, _ *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	set := &seriesSet{at: -1}
	for _, s := range q.memory {
		if slices.ContainsFunc(matchers, func(m *labels.Matcher) bool { return !m.Matches(s.labels.Get(m.Name)) }) {
			continue
		}
		from, _ := slices.BinarySearch(s.times, q.mint)
		to, _ := slices.BinarySearch(s.times, q.maxt+1)
		if from == to {
			continue
		}
		samples := make([]chunks.Sample, 0, to-from)
		for i := from; i < to; i++ {
			samples = append(samples, sample{time: s.times[i], value: s.values[i]})
		}
		set.series = append(set.series, storage.NewListSeries(s.labels, samples))
	}
	return set
}

// LabelValues implements storage.LabelQuerier. Expressions do not ask for it.
func (*querier) LabelValues(context.Context, string, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, nil
}

// LabelNames implements storage.LabelQuerier. Expressions do not ask for it.
func (*querier) LabelNames(context.Context, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, nil
}

// Close implements storage.LabelQuerier.
func (*querier) Close() error { return nil }

// sample implements chunks.Sample.
type sample struct {
	time  int64
	value float64
}

func (s sample) T() int64                      { return s.time }
func (s sample) ST() int64                     { return 0 }
func (s sample) F() float64                    { return s.value }
func (s sample) H() *histogram.Histogram       { return nil }
func (s sample) FH() *histogram.FloatHistogram { return nil }
func (s sample) Type() chunkenc.ValueType      { return chunkenc.ValFloat }
func (s sample) Copy() chunks.Sample           { return s }

type seriesSet struct {
	series []storage.Series
	at     int
}

func (s *seriesSet) Next() bool                        { s.at++; return s.at < len(s.series) }
func (s *seriesSet) At() storage.Series                { return s.series[s.at] }
func (s *seriesSet) Err() error                        { return nil }
func (s *seriesSet) Warnings() annotations.Annotations { return nil }

// ask evaluates an expression at one time.
func ask(ctx context.Context, engine *promql.Engine, from storage.Queryable, expression string, at time.Time) (promql.Vector, error) {
	query, err := engine.NewInstantQuery(ctx, from, nil, expression, at)
	if err != nil {
		return nil, err
	}
	defer query.Close()
	result := query.Exec(ctx)
	if result.Err != nil {
		return nil, result.Err
	}
	if scalar, ok := result.Value.(promql.Scalar); ok {
		return promql.Vector{{T: scalar.T, F: scalar.V}}, nil
	}
	vector, err := result.Vector()
	if err != nil {
		return nil, err
	}
	return slices.Clone(vector), nil // Close takes the engine's own back
}

func TestStorageAnswersWithTheSamplesOfTheTimeAskedFor(t *testing.T) {
	t.Parallel()
	m := memory{
		{labels.FromStrings(labels.MetricName, "a", "x", "1"), []int64{0, 60_000, 120_000}, []float64{1, 2, 3}},
		{labels.FromStrings(labels.MetricName, "a", "x", "2"), []int64{0}, []float64{10}},
		{labels.FromStrings(labels.MetricName, "b"), []int64{0, 60_000}, []float64{100, 200}},
	}
	for _, row := range []struct {
		expression string
		at         int64 // seconds
		want       float64
	}{
		{`sum(a)`, 60, 12},
		{`sum(a)`, 119, 12},
		{`a{x!="1"}`, 0, 10},
		{`sum(a)`, 310, 3}, // five minutes after its last sample a series is gone
		{`b - ignoring (x) a{x="1"}`, 60, 198},
		{`increase(a{x="1"}[2m1s] @ 120)`, 0, 2.0083},
		{`time()`, 7, 7},
	} {
		got, err := ask(t.Context(), newEngine(), m, row.expression, time.Unix(row.at, 0))
		if err != nil || len(got) != 1 || got[0].F < row.want-1e-2 || got[0].F > row.want+1e-2 {
			t.Errorf("%s at %d: %v, error %v, want %v", row.expression, row.at, got, err, row.want)
		}
	}
}
