package agree

import (
	"slices"
	"testing"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/protocol"
	"github.com/cineloop/cineloop/internal/fault"
)

// TestROC: five cases by hand. Scores 3+ 2− 2+ 1− 0+: thresholds above 3, 2, 1, 0.
func TestROC(t *testing.T) {
	got := roc([]float64{1, 3, 2, 2, 0}, []bool{false, true, false, true, true})
	want := []ROCPoint{{0, 0}, {0, 1. / 3}, {.5, 2. / 3}, {1, 2. / 3}, {1, 1}}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got := roc([]float64{1, 2}, []bool{true, true}); got != nil {
		t.Errorf("all positive: %v", got)
	}
}

// TestSendings: a case goes once, with the items that are open, in the order of the queue.
func TestSendings(t *testing.T) {
	list := []Disagreement{{Case: "b", Item: "ef"}, {Case: "a", Item: "ef"}, {Case: "b", Item: "grade"}, {Case: "b", Item: "ef", Image: 2}, {Case: "c", Item: "ef", Decided: true}}
	got := Sendings(list, []string{"dora"}, "2026-12-31")
	if len(got) != 2 || got[0].Case != "b" || !slices.Equal(got[0].Items, []string{"ef", "grade"}) || got[1].Case != "a" || !slices.Equal(got[1].Items, []string{"ef"}) {
		t.Fatalf("%+v", got)
	}
	if got[0].Reason != "readers differ on ef, grade" || got[0].Due != "2026-12-31" || got[0].To[0] != "dora" {
		t.Errorf("%+v", got[0])
	}
	if got := Sendings(nil, nil, ""); got != nil {
		t.Errorf("of nothing: %v", got)
	}
}

// TestQueueAt: other limits than the protocol's, for the items named, without changing the protocol.
func TestQueueAt(t *testing.T) {
	p, err := protocol.Read("p", []byte(`version: 1
revision: 1
design: {kind: panel}
items:
  - {name: ef, kind: number, unit: "%", disagreement: {metric: difference, limit: 10}}
  - {name: grade, kind: choice, options: [{name: x}, {name: y}]}
`))
	if err != nil {
		t.Fatal(err)
	}
	num := func(v float64) *annotate.Answer {
		return &annotate.Answer{Item: "ef", Value: &v, Number: &v, Unit: "%"}
	}
	pick := func(v string) *annotate.Answer { return &annotate.Answer{Item: "grade", Choice: []string{v}} }
	r := &annotate.Records{Protocol: p, Cases: []*annotate.Case{{ID: "a", Patient: "1"}, {ID: "b", Patient: "2"}},
		Readers: []annotate.ReaderRecord{{Mask: "R-1"}, {Mask: "R-2"}},
		Readings: []annotate.ReadingRecord{
			{ID: "1", Reader: "R-1", Case: "a", Arm: protocol.Unaided, Session: 1, Answers: []*annotate.Answer{num(50), pick("x")}},
			{ID: "2", Reader: "R-2", Case: "a", Arm: protocol.Unaided, Session: 1, Answers: []*annotate.Answer{num(56), pick("y")}},
			{ID: "3", Reader: "R-1", Case: "b", Arm: protocol.Unaided, Session: 1, Answers: []*annotate.Answer{num(50), pick("x")}},
			{ID: "4", Reader: "R-2", Case: "b", Arm: protocol.Unaided, Session: 1, Answers: []*annotate.Answer{num(62), pick("x")}},
		}}
	for _, c := range []struct {
		at   Limits
		want []string // item and case
	}{
		{nil, []string{"ef b"}},
		{Limits{"ef": {Metric: "difference", Limit: 5}}, []string{"ef b", "ef a"}},
		{Limits{"ef": {Metric: "percent", Limit: 15}}, []string{"ef b"}}, // 12 of 56 is 21 %, 6 of 53 is 11 %
		{Limits{"ef": {}}, nil},
		{Limits{"grade": {Metric: "different"}}, []string{"ef b", "grade a"}},
	} {
		q, err := QueueAt(r, c.at)
		if err != nil {
			t.Errorf("%v: %v", c.at, err)
		}
		var got []string
		for _, d := range q {
			got = append(got, d.Item+" "+d.Case)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%v: %v, want %v", c.at, got, c.want)
		}
	}
	if r.Protocol.Item("ef").Disagreement.Limit != 10 || r.Protocol.Item("grade").Disagreement.Metric != "" {
		t.Error("the protocol has changed")
	}
	for _, bad := range []Limits{{"nothing": {}}, {"ef": {Metric: "dice", Limit: 1}}, {"ef": {Metric: "difference", Limit: -1}}} {
		if _, err := QueueAt(r, bad); fault.CodeOf(err) != fault.Input {
			t.Errorf("%v: %v", bad, err)
		}
	}
	// A rule settles what is open, and of a case the items that are.
	settled, err := SettleOpen(t.Context(), r, Queue(r), "mean")
	if err != nil || len(settled) != 1 || settled[0].Case != "b" || len(settled[0].Answers) != 1 || *settled[0].Answers[0].Value != 56 {
		t.Errorf("%+v %v", settled, err)
	}
	if _, err := SettleOpen(t.Context(), r, Queue(r), "third"); fault.CodeOf(err) != fault.Usage {
		t.Errorf("a person is no rule: %v", err)
	}
}
