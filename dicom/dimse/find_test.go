package dimse

import (
	"context"
	"errors"
	"iter"
	"slices"
	"testing"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
)

func key(t *testing.T, level string, pairs ...string) *dicom.DataSet {
	t.Helper()
	ds := dicom.NewDataSet()
	if level != "" {
		ds.SetString(tag.QueryRetrieveLevel, level)
	}
	for i := 0; i < len(pairs); i += 2 {
		k, ok := tag.ByKeyword(pairs[i])
		if !ok {
			t.Fatal(pairs[i])
		}
		if pairs[i+1] == "" {
			ds.SetEmpty(k)
		} else {
			ds.SetBytes(k, k.VR(), []byte(pairs[i+1]))
		}
	}
	return ds
}

func TestFind(t *testing.T) {
	p := newPACS()
	peer := start(t, serverFor(p))
	for study := range 3 {
		storeAll(t, peer, instances(t, study+1, 2))
	}
	c := dial(t, &Dialer{}, peer, FindOffer(StudyRoot), FindOffer(PatientRoot), FindOffer(Worklist))
	for _, q := range []struct {
		model Model
		keys  *dicom.DataSet
		want  []string
	}{
		{StudyRoot, key(t, "IMAGE", "PatientName", "test^2", "SOPInstanceUID", ""), []string{"1.2.3.2.1", "1.2.3.2.2"}},
		{PatientRoot, key(t, "PATIENT", "PatientID", "3", "SOPInstanceUID", ""), []string{"1.2.3.3.1", "1.2.3.3.2"}},
		{Worklist, key(t, "", "PatientName", "TEST*", "SOPInstanceUID", "1.2.3.1.1\\1.2.3.3.2"), []string{"1.2.3.1.1", "1.2.3.3.2"}},
		{StudyRoot, key(t, "STUDY", "PatientName", "Nobody"), nil},
	} {
		var got []string
		for ds, err := range c.Find(t.Context(), q.model, q.keys) {
			if err != nil {
				t.Errorf("%v: %v", q.model, err)
				break
			}
			got = append(got, ds.String(tag.SOPInstanceUID))
		}
		if slices.Sort(got); !slices.Equal(got, q.want) {
			t.Errorf("%v: %q, want %q", q.model, got, q.want)
		}
	}
	for name, keys := range map[string]*dicom.DataSet{"no level": key(t, ""), "an unknown level": key(t, "CELL"), "a level of the other model": key(t, "PATIENT")} {
		for _, err := range c.Find(t.Context(), StudyRoot, keys) {
			if se, ok := errors.AsType[*StatusError](err); !ok || se.Status != IdentifierMismatch {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// endless answers for as long as it is asked.
type endless struct{ ended chan error }

func (e endless) Find(ctx context.Context, _ *FindRequest) iter.Seq2[*dicom.DataSet, error] {
	return func(yield func(*dicom.DataSet, error) bool) {
		ds := dicom.NewDataSet()
		ds.SetString(tag.PatientID, "1")
		for yield(ds, nil) {
		}
		e.ended <- context.Cause(ctx)
	}
}

// TestCancel: leaving the loop, and ending the context, end the query at the peer; the association goes on.
func TestCancel(t *testing.T) {
	e := endless{make(chan error, 1)}
	peer := start(t, &Server{Strangers: true, Query: e})
	c := dial(t, &Dialer{}, peer, FindOffer(StudyRoot))
	for round := range 3 {
		n := 0
		for _, err := range c.Find(t.Context(), StudyRoot, key(t, "STUDY")) {
			if err != nil {
				t.Fatal(err)
			}
			if n++; n == 10*(round+1) {
				break
			}
		}
		if se, ok := errors.AsType[*StatusError](<-e.ended); !ok || se.Status != Cancel {
			t.Errorf("the peer's query ended with %v", se)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := 0
	for _, err := range c.Find(ctx, StudyRoot, key(t, "STUDY")) {
		if n++; n == 5 {
			cancel()
		}
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
	<-e.ended
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	// A peer that is simply gone ends it too.
	c = dial(t, &Dialer{}, peer, FindOffer(StudyRoot))
	for range c.Find(t.Context(), StudyRoot, key(t, "STUDY")) {
		c.Abort()
		break
	}
	<-e.ended
}
