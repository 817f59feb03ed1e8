package trail

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/ledger"
	"github.com/cineloop/cineloop/annotate/policy"
	"github.com/cineloop/cineloop/dicom/audit"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/signing"
)

const (
	caseA, caseB = "000000000000000000000000000000aa", "000000000000000000000000000000bb"
	task         = "00000000000000000000000000000001"
	reading      = "00000000000000000000000000000002"
	answer       = "00000000000000000000000000000003"
	ofNet        = "00000000000000000000000000000004"
)

var begin = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// history is a project's log as it would be after a short study, a second apart, with what must not be told of it.
var history = []struct {
	actor  string
	kind   annotate.Kind
	object string
	vers   int
	data   string
}{
	{"eve", annotate.ProjectCreated, "", 0, `{"name":"Secret title","seed":1}`},
	{"eve", annotate.MemberAdded, "", 0, `{"name":"eve","mask":"R-1","roles":["admin","coordinator"]}`},
	{"eve", annotate.MemberAdded, "", 0, `{"name":"ann","mask":"R-2","roles":["reader"]}`},
	{"eve", annotate.CaseAdded, caseA, 0, `{"id":"` + caseA + `","patient":"MRN-4711","images":[{"file":"Doe^Jane.dcm","study_instance_uid":"1.2.3.4"}]}`},
	{"eve", annotate.CaseAdded, caseB, 0, `{"id":"` + caseB + `","patient":"MRN-4711","images":[]}`},
	{"eve", annotate.Assigned, "", 0, `{"revision":1,"assignments":[{"id":"` + task + `","reader":"ann","case":"` + caseB + `","arm":"aided"}]}`},
	{"eve", annotate.PhaseSet, "", 0, `{"phase":"reading"}`},
	{"ann", annotate.ReadingOpened, reading, 0, `{"assignment":"` + task + `","revision":1,"revealed":["` + ofNet + `"]}`},
	{"ann", annotate.AnswerPut, answer, 1, `{"reading":"` + reading + `","answer":{"item":"note","text":"a secret finding"}}`},
	{"ann", annotate.AnswerPut, answer, 2, `{"reading":"` + reading + `","answer":{"item":"note","text":"a secret finding"}}`},
	{"ann", annotate.TimeSpent, "", 0, `{"reading":"` + reading + `","seconds":3}`},
	{"ann", annotate.AnswerRemoved, answer, 3, `{"reading":"` + reading + `"}`},
	{"ann", annotate.ReadingLocked, reading, 0, `{"reading":"` + reading + `"}`},
	{"eve", annotate.Unblinded, "", 0, `{"member":"ann","reason":"a secret reason"}`},
	{"eve", annotate.TruthSigned, "", 0, `{"version":1}`},
	{"eve", annotate.Exported, "", 0, `{"formats":["csv","sr"]}`},
	{"eve", "a kind of tomorrow", "", 0, `{}`},
	{"ann", annotate.ReadingOpened, "0000000000000000000000000000000f", 0, `{"assignment":"of no case","revision":1}`},
}

// written makes a folder with the logs of a study.
func written(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	l, err := ledger.Open(filepath.Join(dir, annotate.LogFile), nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range history {
		b, err := json.Marshal(annotate.Event{At: begin.Add(time.Duration(i) * time.Second), Actor: e.actor, Kind: e.kind, Object: e.object, Version: e.vers, Data: json.RawMessage(e.data)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.Append(b); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	log, err := Open(filepath.Join(dir, AccessFile))
	if err != nil {
		t.Fatal(err)
	}
	at := begin.Add(100 * time.Second)
	log.now = func() time.Time { at = at.Add(time.Second); return at }
	for _, e := range []Entry{
		{Event: Start, Account: "svc"},
		{Event: LoginRefused, By: "oidc", From: "10.0.0.9", Code: "no member"},
		{Event: Login, Who: "ann", By: "password", From: "10.0.0.7", Session: "s1"},
		{Event: Query, Who: "ann", Session: "s1", Route: "GET /api/cases/{id}", Object: task},
		{Event: View, Who: "ann", Session: "s1", Object: task, Image: 1},
		{Event: View, Who: "ann", Session: "s1", Object: "of no case"},
		{Event: Annotate, Who: "ann", Session: "s1", Kind: "answer.put"},
		{Event: Export, Who: "ann", Session: "s1", Route: "POST /api/export"},
		{Event: Reveal, Who: "ann", Session: "s1", Kind: "reading.open", Object: reading},
		{Event: Refused, Who: "ann", Session: "s1", Kind: "unblind", Code: "usage"},
		{Event: StepUp, Who: "ann", Session: "s1"},
		{Event: Logout, Who: "ann", Session: "s1"},
		{Event: Stop, Account: "svc"},
	} {
		if err := log.Add(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	for _, e := range []Entry{{Event: Query, Who: "cora", Command: "worklist"}, {Event: Export, Command: "export"}, {Event: Audit, Command: "audit"},
		{Event: Config, Command: "user", Object: "ann", Who: "eve"}, {Event: Config, Command: "phase", Kind: "phase.set"}} {
		if err := Note(dir, e); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestMessages: what each line becomes, and that no patient, file, title or answer gets there.
func TestMessages(t *testing.T) {
	dir := written(t)
	var got []string
	var all bytes.Buffer
	if err := Messages(dir, MessageOptions{Source: "reading.example"}, func(m *audit.Message) error {
		b, err := m.XML()
		if err != nil {
			return err
		}
		all.Write(append(b, '\n'))
		line := m.Event.ID.Meaning + " " + m.Event.Action + m.Event.Outcome
		for _, c := range m.Event.Types {
			line += " " + c.Meaning
		}
		for _, p := range m.Participants {
			if p.Requestor {
				line += " | " + strings.TrimSuffix(p.UserID, "@reading.example") + " " + p.Access
			}
		}
		for _, o := range m.Objects {
			line += " | " + o.ID
		}
		got = append(got, strings.ReplaceAll(line, "@reading.example", ""))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	me := Account()
	patient := caseA // the first case's id stands for the patient of both
	about := " | 2.25.187 | " + patient
	want := []string{
		"Security Alert E0 Security Configuration | eve  | urn:cineloop:project.create",
		"Security Alert E0 Security Roles Changed | eve  | urn:cineloop:member.add | eve",
		"Security Alert E0 Security Roles Changed | eve  | urn:cineloop:member.add | ann",
		"Security Alert E0 Security Configuration | eve  | urn:cineloop:case.add",
		"Security Alert E0 Security Configuration | eve  | urn:cineloop:case.add",
		"Security Alert E0 Security Configuration | eve  | urn:cineloop:assign",
		"Security Alert E0 Security Configuration | eve  | urn:cineloop:phase.set",
		"DICOM Instances Accessed C0 | ann " + about + " | " + reading,
		"Security Alert E0 Object Security Attributes Changed | ann  | urn:cineloop:reading.open" + about + " | " + ofNet,
		"DICOM Instances Accessed C0 | ann " + about + " | " + reading,
		"DICOM Instances Accessed U0 | ann " + about + " | " + reading,
		"DICOM Instances Accessed D0 | ann " + about + " | " + reading,
		"DICOM Instances Accessed U0 | ann " + about + " | " + reading,
		"Security Alert E0 Use of Restricted Function | eve  | urn:cineloop:unblind | ann",
		"Security Alert E0 Use of Restricted Function | eve  | urn:cineloop:truth.sign",
		"Export R0 | eve  | 2.25.170 | 2.25.187 | " + patient,
		"Security Alert E0 Security Configuration | eve  | urn:cineloop:a kind of tomorrow",
		"DICOM Instances Accessed C0 | ann  | 2.25.0 | unknown | 0000000000000000000000000000000f",
		"Application Activity E0 Application Start | svc reading.example",
		"User Authentication E4 Login | unknown 10.0.0.9",
		"User Authentication E0 Login | ann 10.0.0.7",
		"Query E0 | ann 10.0.0.7 | GET /api/cases/{id}",
		"DICOM Instances Accessed R0 | ann 10.0.0.7" + about,
		"Security Alert E0 Use of Restricted Function | ann 10.0.0.7 | urn:cineloop:unknown",
		"Security Alert E4 Use of Restricted Function | ann 10.0.0.7 | urn:cineloop:unblind",
		"User Authentication E0 Login | ann 10.0.0.7",
		"User Authentication E0 Logout | ann 10.0.0.7",
		"Application Activity E0 Application Stop | svc reading.example",
		"Query E0 | cora reading.example | worklist",
		"Export R0 | " + me + " reading.example | 2.25.170 | 2.25.187 | " + patient,
		"Audit Log Used R0 | " + me + " reading.example | file:access.log",
		"Security Alert E0 User Security Attributes Changed | eve reading.example | urn:cineloop:user | ann",
	}
	for i := range max(len(got), len(want)) {
		g, w := "", ""
		if i < len(got) {
			g = got[i]
		}
		if i < len(want) {
			w = want[i]
		}
		if g != w {
			t.Errorf("message %d:\n%s\nwant\n%s", i, g, w)
		}
	}
	for _, secret := range []string{"4711", "Doe", "Secret", "secret", "1.2.3.4"} {
		if strings.Contains(all.String(), secret) {
			t.Errorf("the messages tell %q", secret)
		}
	}
	if _, err := exec.LookPath("xmllint"); err != nil {
		t.Skip("xmllint is not installed (libxml2-utils)")
	}
	var paths []string
	for _, b := range bytes.Split(bytes.TrimSpace(all.Bytes()), []byte("\n")) {
		path := filepath.Join(t.TempDir(), "m.xml")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	if out, err := exec.Command("xmllint", append([]string{"--nonet", "--noout", "--relaxng", "../../dicom/audit/testdata/audit.rng"}, paths...)...).CombinedOutput(); err != nil {
		t.Errorf("%s", out)
	}
}

func TestMessagesSince(t *testing.T) {
	n := 0
	if err := Messages(written(t), MessageOptions{Source: "x", Since: begin.Add(116 * time.Second)}, func(*audit.Message) error { n++; return nil }); err != nil || n != 4 {
		t.Errorf("%d messages, %v; want the four of the command line", n, err)
	}
	if err := Messages(t.TempDir(), MessageOptions{Source: "x"}, nil); fault.CodeOf(err) != fault.NotFound {
		t.Error(err)
	}
	stop := fault.New(fault.Resource, "full")
	if err := Messages(written(t), MessageOptions{Source: "x"}, func(*audit.Message) error { return stop }); err != stop {
		t.Error(err)
	}
}

// project is one that replays.
func project(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	p, err := annotate.Create(context.Background(), dir, "study", 1, "eve")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ann", "bob"} {
		data, _ := json.Marshal(annotate.Member{Name: name, Roles: []policy.Role{policy.Reader}})
		if _, err := p.Do(context.Background(), "eve", annotate.Op{Kind: annotate.MemberAdded, Data: data}); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestVerifyAndCheckpoints(t *testing.T) {
	dir := project(t)
	for range 3 {
		if err := Note(dir, Entry{Event: Query, Command: "worklist"}); err != nil {
			t.Fatal(err)
		}
	}
	chains, err := Verify(dir)
	if err != nil || len(chains) != 3 || chains[0].Seq != 4 || chains[0].Events[Config] != 4 || chains[1].There || chains[2].Seq != 3 || chains[2].Events[Query] != 3 {
		t.Fatalf("%+v, %v", chains, err)
	}
	key, other := signing.NewKey(), signing.NewKey()
	c, err := NewCheckpoint(dir, key, begin)
	if err != nil {
		t.Fatal(err)
	}
	line, _ := json.Marshal(c)
	public, otherPublic := key.Public(), other.Public()
	if list, err := ReadCheckpoints(bytes.NewReader(append(line, '\n')), &public); err != nil || len(list) != 1 || list[0].Check(dir) != nil {
		t.Errorf("%v, %v", list, err)
	}
	if err := Note(dir, Entry{Event: Query}); err != nil || c.Check(dir) != nil {
		t.Errorf("what came later breaks it: %v", err)
	}
	for name, bad := range map[string]string{
		"a changed number": strings.Replace(string(line), `"seq":4`, `"seq":3`, 1),
		"a changed time":   strings.Replace(string(line), "2026", "2027", 1),
		"no JSON":          "checkpoint",
		"more":             strings.Replace(string(line), `{"version"`, `{"more":1,"version"`, 1),
		"another version":  strings.Replace(string(line), `{"version":1`, `{"version":2`, 1),
		"no key":           strings.Replace(string(line), public.String(), "00", 1),
		"nothing":          "\n",
	} {
		if _, err := ReadCheckpoints(strings.NewReader(bad), nil); fault.CodeOf(err) != fault.Input {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ReadCheckpoints(bytes.NewReader(line), &otherPublic); fault.CodeOf(err) != fault.Input {
		t.Errorf("another's key: %v", err)
	}
	// Cut off, written anew, changed, gone.
	log := filepath.Join(dir, CommandFile)
	whole, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(whole, []byte("\n"))
	if err := os.WriteFile(log, bytes.Join(lines[:2], nil), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Verify(dir); err != nil {
		t.Errorf("a chain can't show that its end was cut off: %v", err)
	}
	if err := c.Check(dir); fault.CodeOf(err) != fault.Input || !strings.Contains(err.Error(), "ends with entry 2; it had 3") {
		t.Errorf("cut off: %v", err)
	}
	if err := os.Remove(log); err != nil {
		t.Fatal(err)
	}
	if err := c.Check(dir); fault.CodeOf(err) != fault.Input {
		t.Errorf("gone: %v", err)
	}
	for range 4 {
		if err := Note(dir, Entry{Event: Query, Command: "anew"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Check(dir); fault.CodeOf(err) != fault.Input || !strings.Contains(err.Error(), "written anew") {
		t.Errorf("anew: %v", err)
	}
	whole[90] ^= 1
	if err := os.WriteFile(log, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Verify(dir); fault.CodeOf(err) != fault.Input || !strings.Contains(err.Error(), CommandFile) {
		t.Errorf("changed: %v", err)
	}
	if _, err := NewCheckpoint(dir, key, begin); fault.CodeOf(err) != fault.Input {
		t.Errorf("a changed trail was signed: %v", err)
	}
	if err := (&Checkpoint{Heads: map[string]ledger.Head{"../other": {}}}).Check(dir); fault.CodeOf(err) != fault.Input {
		t.Error(err)
	}
	if _, err := Verify(t.TempDir()); fault.CodeOf(err) != fault.NotFound {
		t.Error(err)
	}
}

// TestNotesAtOnce: commands that run at the same time wait for each other, and each is there.
func TestNotesAtOnce(t *testing.T) {
	dir := project(t)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if err := Note(dir, Entry{Event: Query, Object: strings.Repeat("x", 100), Kind: strings.Repeat("y", 100)}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	n := 0
	if _, err := ledger.Read(filepath.Join(dir, CommandFile), func(_ int64, b []byte) error {
		n++
		if bytes.Contains(b, []byte("xx")) || bytes.Contains(b, []byte("yy")) {
			t.Errorf("%s", b)
		}
		return nil
	}); err != nil || n != 20 {
		t.Errorf("%d, %v", n, err)
	}
	if err := Note(t.TempDir(), Entry{Event: Query}); err != nil { // no project: nothing is written
		t.Error(err)
	}
}

func TestEventOf(t *testing.T) {
	for kind, want := range map[annotate.Kind]string{annotate.AnswerPut: Annotate, annotate.Unblinded: Unblind, annotate.Exported: Export, annotate.PhaseSet: Config, annotate.MemberAdded: Config,
		annotate.ProtocolSet: Config, annotate.TruthSigned: Sign, "tomorrow's": Annotate} {
		if got := EventOf(kind); got != want {
			t.Errorf("%s: %s", kind, got)
		}
	}
}
