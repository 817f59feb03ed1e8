package fault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestStatuses(t *testing.T) {
	inner := New(Input, "element %s: odd length", "(0010,0010)").WithHint("repair the file")
	for _, c := range []struct {
		err  error
		code Code
		exit int
		http int
	}{
		{nil, Internal, 0, 200},
		{errors.New("x"), Internal, 1, 500},
		{New(Usage, "x"), Usage, 2, 400},
		{fmt.Errorf("reading a.dcm: %w", inner), Input, 3, 422},
		{New(Partial, "outer: %w", inner), Partial, 5, 207},
		{fmt.Errorf("training: %w", context.Canceled), Interrupted, 130, 499},
	} {
		if c.err != nil && CodeOf(c.err) != c.code {
			t.Errorf("%v: code %s, want %s", c.err, CodeOf(c.err), c.code)
		}
		if got := ExitStatus(c.err); got != c.exit {
			t.Errorf("%v: exit %d, want %d", c.err, got, c.exit)
		}
		if got := HTTPStatus(c.err); got != c.http {
			t.Errorf("%v: HTTP %d, want %d", c.err, got, c.http)
		}
	}
	if !strings.Contains(inner.Error(), "repair the file") {
		t.Error("the hint is not shown")
	}
	if len(statuses) != 9 {
		t.Errorf("%d codes have statuses, want 9", len(statuses))
	}
}

func TestRedactedNeverPrints(t *testing.T) {
	r := Redact("Doe^Jane")
	js, _ := json.Marshal(map[string]any{"name": r})
	for _, s := range []string{
		fmt.Sprint(r), fmt.Sprintf("%v %+v %#v %s %q %x %d", r, r, r, r, r, r, r), fmt.Sprintf("%v", []Redacted{r}),
		fmt.Sprintf("%+v", struct{ Name Redacted }{r}), string(js), New(Input, "patient %v", r).Error(),
	} {
		if strings.Contains(s, "Doe") || strings.Contains(s, "446f65") {
			t.Errorf("patient data printed: %s", s)
		}
	}
	if r.Reveal() != "Doe^Jane" {
		t.Error("Reveal lost the value")
	}
}
