package serve_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cineloop/cineloop/dicom/dimse"
	"github.com/cineloop/cineloop/dicom/dimse/dimsetest"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/store"
)

// orthanc is an Orthanc of the test's own that knows an archive of ours, and is known to it.
type orthanc struct {
	peer    dimse.Peer // Orthanc
	http    string
	archive *store.Archive // ours
	ours    dimse.Peer
	reports chan *dimse.CommitReport // what comes to ours
}

func startOrthanc(t *testing.T) *orthanc {
	t.Helper()
	dimsetest.Need(t, "Orthanc")
	dir, port, web := t.TempDir(), dimsetest.Port(t), dimsetest.Port(t)
	o := &orthanc{peer: dimse.Peer{AETitle: "ORTHANC", Address: fmt.Sprintf("127.0.0.1:%d", port)}, http: fmt.Sprintf("http://127.0.0.1:%d", web), archive: open(t, nil),
		reports: make(chan *dimse.CommitReport, 1)}
	o.ours = listen(t, o.archive, func(s *dimse.Server) {
		s.Peers = []dimse.Peer{o.peer}
		s.Reports = dimse.ReportFunc(func(_ context.Context, r *dimse.CommitReport) error { o.reports <- r; return nil })
	})
	_, own := hostPort(t, o.ours)
	config := fmt.Sprintf(`{"Name": "judge", "StorageDirectory": %q, "IndexDirectory": %q, "DicomAet": "ORTHANC", "DicomPort": %d, "HttpPort": %d, "Plugins": [],
		"RemoteAccessAllowed": false, "AuthenticationEnabled": false, "DicomAlwaysAllowGet": true, "DicomAlwaysAllowFind": true, "DicomAlwaysAllowMove": true,
		"DicomModalities": {"ours": {"AET": "CINELOOP", "Host": "127.0.0.1", "Port": %s, "AllowEcho": true, "AllowFind": true, "AllowGet": true, "AllowMove": true,
			"AllowStore": true, "AllowStorageCommitment": true}}}`, filepath.Join(dir, "db"), filepath.Join(dir, "db"), port, web, own)
	file := filepath.Join(dir, "orthanc.json")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	dimsetest.Start(t, web, "Orthanc", file)
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		if r, err := http.Get(o.http + "/system"); err == nil {
			r.Body.Close()
			return o
		}
		if time.Now().After(deadline) {
			t.Fatal("Orthanc does not answer")
		}
	}
}

// ask calls Orthanc's REST API.
func (o *orthanc) ask(t *testing.T, method, path, body string, into any) {
	t.Helper()
	rq, err := http.NewRequestWithContext(t.Context(), method, o.http+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.DefaultClient.Do(rq)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode >= 300 {
		t.Fatalf("%s %s: %s, %v: %s", method, path, r.Status, err, b)
	}
	if into != nil {
		if err := json.Unmarshal(b, into); err != nil {
			t.Fatalf("%s: %v: %s", path, err, b)
		}
	}
}

// TestJudgeOrthancServes: our client stores, finds, fetches and moves at Orthanc.
func TestJudgeOrthancServes(t *testing.T) {
	t.Parallel()
	o := startOrthanc(t)
	list := images(t)
	c := dial(t, o.peer, nil, dimse.OffersFor(list)...)
	if err := c.StoreAll(t.Context(), list, dimse.StoreOptions{}, func(_ int, _ dimse.Status, err error) {
		if err != nil {
			t.Error(err)
		}
	}); err != nil {
		t.Fatal(err)
	}
	mine := &sums{}
	q := dial(t, o.peer, mine, append(dimse.GetOffers(dimse.StudyRoot, uid.UltrasoundImageStorage), dimse.FindOffer(dimse.StudyRoot), dimse.FindOffer(dimse.PatientRoot), dimse.MoveOffer(dimse.StudyRoot))...)
	n := 0
	for _, err := range q.Find(t.Context(), dimse.StudyRoot, key(t, "STUDY", "StudyInstanceUID", "", "PatientName", "Doe*")) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	for _, err := range q.Find(t.Context(), dimse.PatientRoot, key(t, "PATIENT", "PatientID", "")) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != 3 {
		t.Errorf("%d answers", n)
	}
	if r, err := q.Get(t.Context(), dimse.StudyRoot, key(t, "STUDY", "StudyInstanceUID", "1.2.1"), nil); err != nil || len(mine.got) != 4 {
		t.Errorf("get: %+v, %v, %d arrived", r, err, len(mine.got))
	}
	for _, in := range list[4:] {
		f, _, _ := in.Open(t.Context())
		var want bytes.Buffer
		f.WriteBody(&want)
		if !bytes.Equal(mine.got[in.SOPInstanceUID], want.Bytes()) {
			t.Error("arrived with other bytes")
		}
	}
	// Orthanc 1.10 counts each instance of a study as one sub-operation, and knows us by the title that we answer to.
	if r, err := q.Move(t.Context(), dimse.StudyRoot, key(t, "STUDY", "StudyInstanceUID", "1.2.0"), "CINELOOP", nil); err != nil || r.Failed != 0 || count(t, o.archive.Catalog) != 4 {
		t.Errorf("move: %+v, %v, %d arrived", r, err, count(t, o.archive.Catalog))
	}
}

// TestJudgeOrthancCalls: Orthanc's clients echo, store, find and move at our archive.
func TestJudgeOrthancCalls(t *testing.T) {
	t.Parallel()
	o := startOrthanc(t)
	o.ask(t, "POST", "/modalities/ours/echo", "{}", nil)
	list := images(t)
	for _, in := range list {
		f, _, _ := in.Open(t.Context())
		var b bytes.Buffer
		if err := f.Write(&b); err != nil {
			t.Fatal(err)
		}
		o.ask(t, "POST", "/instances", b.String(), nil)
	}
	var studies []string
	o.ask(t, "GET", "/studies", "", &studies)
	if len(studies) != 2 {
		t.Fatalf("%d studies", len(studies))
	}
	ids, _ := json.Marshal(studies)
	o.ask(t, "POST", "/modalities/ours/store", string(ids), nil)
	if n := count(t, o.archive.Catalog); n != len(list) {
		t.Errorf("%d arrived", n)
	}
	for _, s := range studies {
		o.ask(t, "DELETE", "/studies/"+s, "", nil)
	}
	var query struct{ ID string }
	o.ask(t, "POST", "/modalities/ours/query", `{"Level": "Study", "Query": {"PatientName": "DOE*", "StudyDate": "20240101-20240131"}}`, &query)
	var answers []string
	o.ask(t, "GET", "/queries/"+query.ID+"/answers", "", &answers)
	if len(answers) != 1 {
		t.Fatalf("%d answers", len(answers))
	}
	o.ask(t, "POST", "/queries/"+query.ID+"/answers/0/retrieve", `{"TargetAet": "ORTHANC", "Synchronous": true}`, nil)
	var back []string
	o.ask(t, "GET", "/instances", "", &back)
	if len(back) != 4 {
		t.Errorf("%d came back", len(back))
	}
}

// TestJudgeOrthancCommits: storage commitment both ways, each report on an association of its own.
func TestJudgeOrthancCommits(t *testing.T) {
	t.Parallel()
	o := startOrthanc(t)
	list := images(t)
	refs := []dimse.Reference{{SOPClassUID: uid.UltrasoundImageStorage, SOPInstanceUID: "1.2.0.0.9"}}
	for _, in := range list {
		refs = append(refs, dimse.Reference{SOPClassUID: in.SOPClassUID, SOPInstanceUID: in.SOPInstanceUID})
	}
	c := dial(t, o.ours, nil, dimse.OffersFor(list)...)
	if err := c.StoreAll(t.Context(), list, dimse.StoreOptions{}, func(_ int, _ dimse.Status, err error) {
		if err != nil {
			t.Error(err)
		}
	}); err != nil {
		t.Fatal(err)
	}
	type ref struct{ SOPClassUID, SOPInstanceUID string }
	var instances [][2]string
	for _, r := range refs {
		instances = append(instances, [2]string{r.SOPClassUID, r.SOPInstanceUID})
	}
	body, _ := json.Marshal(map[string]any{"DicomInstances": instances})
	var transaction struct{ ID string }
	o.ask(t, "POST", "/modalities/ours/storage-commitment", string(body), &transaction)
	var report struct {
		Status   string
		Success  []ref
		Failures []ref
	}
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if o.ask(t, "GET", "/storage-commitment/"+transaction.ID, "", &report); report.Status != "Pending" {
			break
		}
	}
	if report.Status != "Failure" || len(report.Success) != len(list) || len(report.Failures) != 1 || report.Failures[0].SOPInstanceUID != "1.2.0.0.9" {
		t.Errorf("Orthanc heard %+v", report)
	}
}

// TestJudgeOrthancIsAsked: our client asks Orthanc for commitment; the report comes to our server.
func TestJudgeOrthancIsAsked(t *testing.T) {
	t.Parallel()
	o := startOrthanc(t)
	list := images(t)
	c := dial(t, o.peer, nil, dimse.OffersFor(list)...)
	if err := c.StoreAll(t.Context(), list, dimse.StoreOptions{}, func(_ int, _ dimse.Status, err error) {
		if err != nil {
			t.Error(err)
		}
	}); err != nil {
		t.Fatal(err)
	}
	refs := []dimse.Reference{{SOPClassUID: uid.UltrasoundImageStorage, SOPInstanceUID: "1.2.0.0.9"}}
	for _, in := range list {
		refs = append(refs, dimse.Reference{SOPClassUID: in.SOPClassUID, SOPInstanceUID: in.SOPInstanceUID})
	}
	asks, err := (&dimse.Dialer{AETitle: "CINELOOP", Timeout: time.Minute}).Dial(t.Context(), o.peer, dimse.CommitOffer())
	if err != nil {
		t.Fatal(err)
	}
	if err := asks.Commit(t.Context(), "2.25.1234", refs); err != nil {
		t.Fatal(err)
	}
	if err := asks.Close(); err != nil {
		t.Error(err)
	}
	select {
	case r := <-o.reports:
		if r.TransactionUID != "2.25.1234" || r.Peer != "ORTHANC" || len(r.Committed) != len(list) || len(r.Failed) != 1 || r.Failed[0].Reason != dimse.NoSuchInstance {
			t.Errorf("%d committed, %+v", len(r.Committed), r.Failed)
		}
	case <-time.After(30 * time.Second):
		t.Error("no report came")
	}
}
