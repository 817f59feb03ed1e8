package audit

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cineloop/cineloop/dicom/code"
)

var (
	noon    = time.Date(2026, 3, 4, 13, 0, 0, 5e6, time.FixedZone("CET", 3600))
	process = Process{ID: "cineloop-4711", Node: "reading.example"}
)

func ann() Participant {
	return Participant{UserID: "ann@reading.example", Requestor: true, Access: "10.1.2.3", AccessKind: ByAddress}
}

// all is a message of each event.
func all() map[string]*Message {
	eve := Participant{UserID: `e<v>e "&' ü@reading.example`, Requestor: true}
	return map[string]*Message{
		"start":    New(ApplicationActivity, Execute, noon, Success, Participant{UserID: "eve@reading.example", Requestor: true}, process, ApplicationStart),
		"login":    New(UserAuthentication, Execute, noon, Success, ann(), process, Login),
		"failed":   New(UserAuthentication, Execute, noon, MinorFailure, ann(), process, Login),
		"logout":   New(UserAuthentication, Execute, noon, Success, ann(), process, Logout),
		"query":    New(Query, Execute, noon, Success, ann(), process).About(Asked("/api/worklist", []byte("GET /api/worklist"))),
		"view":     New(InstancesAccessed, Read, noon, Success, ann(), process).About(Study("2.25.17"), Patient("p1"), Report("0a", "reading")),
		"export":   New(Export, Read, noon, Success, eve, process).To("urn:cineloop:export:csv").About(Study("2.25.17"), Patient("p1"), Patient("p2")),
		"unblind":  New(SecurityAlert, Execute, noon, Success, eve, process, RestrictedFunction).About(Resource("urn:cineloop:names", "names of readers", "a member was shown names"), User("cora@reading.example")),
		"log used": New(AuditLogUsed, Read, noon, SeriousFailure, eve, process).About(Resource("file:access.log", "Security Audit Log", "")),
	}
}

func names() []string {
	var out []string
	for name := range all() {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// TestGolden: the bytes, one message a line, made once and looked at.
func TestGolden(t *testing.T) {
	var got bytes.Buffer
	for _, name := range names() {
		b, err := all()[name].XML()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if bytes.ContainsRune(b, '\n') {
			t.Errorf("%s: more than a line", name)
		}
		got.Write(append(b, '\n'))
	}
	want, err := os.ReadFile("testdata/messages.xml")
	if os.Getenv("CINELOOP_GOLDEN") != "" {
		err = os.WriteFile("testdata/messages.xml", got.Bytes(), 0o644)
		want = got.Bytes()
	}
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("got\n%s\nwant\n%s", &got, want)
	}
}

// TestSchema holds every message against the standard's schema, and a few that are not of its form.
func TestSchema(t *testing.T) {
	if _, err := exec.LookPath("xmllint"); err != nil {
		t.Skip("xmllint is not installed (libxml2-utils)")
	}
	valid := func(doc []byte) (bool, string) {
		path := filepath.Join(t.TempDir(), "message.xml")
		if err := os.WriteFile(path, doc, 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("xmllint", "--nonet", "--noout", "--relaxng", "testdata/audit.rng", path).CombinedOutput()
		return err == nil, string(out)
	}
	for name, m := range all() {
		b, err := m.XML()
		if err != nil {
			t.Fatal(err)
		}
		if ok, out := valid(b); !ok {
			t.Errorf("%s: %s\n%s", name, out, b)
		}
	}
	b, _ := all()["export"].XML()
	for _, c := range [][2]string{{`UserIsRequestor="true"`, `UserIsRequestor="perhaps"`}, {` EventOutcomeIndicator="0"`, ""}, {`EventOutcomeIndicator="0"`, `EventOutcomeIndicator="1"`},
		{"<AuditSourceIdentification", "<AuditSource"}, {`EventDateTime="2026-03-04T12:00:00.005Z"`, `EventDateTime="noon"`}} {
		if !bytes.Contains(b, []byte(c[0])) {
			t.Fatalf("no %s in %s", c[0], b)
		}
		if ok, _ := valid(bytes.Replace(b, []byte(c[0]), []byte(c[1]), 1)); ok {
			t.Errorf("%s for %s is taken: the schema judges nothing", c[1], c[0])
		}
	}
}

func TestCheck(t *testing.T) {
	for want, change := range map[string]func(*Message){
		"EventID lacks":                   func(m *Message) { m.Event.ID.Meaning = "" },
		"EventTypeCode lacks":             func(m *Message) { m.Event.Types = []Code{{}} },
		"EventActionCode is none":         func(m *Message) { m.Event.Action = "X" },
		"EventOutcomeIndicator is none":   func(m *Message) { m.Event.Outcome = "" },
		"EventDateTime is missing":        func(m *Message) { m.Event.At = Time{} },
		"EventOutcomeDescription holds":   func(m *Message) { m.Event.Description = "a\x00b" },
		"ActiveParticipant is missing":    func(m *Message) { m.Participants = nil },
		"more than one requestor":         func(m *Message) { m.Participants[1].Requestor = true },
		"UserID is missing":               func(m *Message) { m.Participants[0].UserID = "" },
		"ActiveParticipant holds":         func(m *Message) { m.Participants[0].UserName = "\xff" },
		"NetworkAccessPointTypeCode is":   func(m *Message) { m.Participants[0].AccessKind = "9" },
		"go together":                     func(m *Message) { m.Participants[0].Access = "10.0.0.1" },
		"RoleIDCode lacks":                func(m *Message) { m.Participants[0].Roles = []Code{{}} },
		"MediaType lacks":                 func(m *Message) { m.Participants[0].Media = &Media{} },
		"AuditSourceID is missing":        func(m *Message) { m.Source.ID = "" },
		"ParticipantObjectID is missing":  func(m *Message) { m.Objects[0].ID = "" },
		"ParticipantObjectIDTypeCode":     func(m *Message) { m.Objects[0].IDType = Code{Value: "1"} },
		"one of the two":                  func(m *Message) { m.Objects[0].Query = Binary("x") },
		"ParticipantObjectTypeCode is":    func(m *Message) { m.Objects[0].Type = "5" },
		"ParticipantObjectTypeCodeRole":   func(m *Message) { m.Objects[0].Role = "27" },
		"ParticipantObjectDataLifeCycle":  func(m *Message) { m.Objects[0].LifeCycle = "16" },
		"lacks its type":                  func(m *Message) { m.Objects[0].Details = []Detail{{}} },
		"Export: action R":                func(m *Message) { m.Event.Action = Execute },
		"Export: who exports":             func(m *Message) { m.Participants = m.Participants[:2] },
		"Export: the patients":            func(m *Message) { m.Objects = m.Objects[:1] },
		"DICOM Instances Accessed: the s": func(m *Message) { m.Event.ID, m.Objects = InstancesAccessed, m.Objects[1:] },
		"DICOM Instances Accessed: actio": func(m *Message) { m.Event.ID, m.Event.Action = InstancesAccessed, Execute },
		"User Authentication: login":      func(m *Message) { m.Event.ID = UserAuthentication },
		"User Authentication: the netwo":  func(m *Message) { m.Event.ID = UserAuthentication },
		"Query: who asks":                 func(m *Message) { m.Event.ID = Query },
		"Security Alert: which":           func(m *Message) { m.Event.ID, m.Event.Action = SecurityAlert, Execute },
		"Application Activity: start":     func(m *Message) { m.Event.ID, m.Event.Action = ApplicationActivity, Execute },
		"Audit Log Used: the log":         func(m *Message) { m.Event.ID = AuditLogUsed },
	} {
		m := all()["export"]
		change(m)
		if err := m.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
		if b, err := m.XML(); err == nil {
			t.Errorf("%s: written %s", want, b)
		}
	}
}

// TestCodes: every code of DCM has the dictionary's meaning.
func TestCodes(t *testing.T) {
	for _, c := range []Code{ApplicationActivity, AuditLogUsed, InstancesAccessed, Export, Query, SecurityAlert, UserAuthentication, ApplicationStart, ApplicationStop, Login, Logout,
		SecurityConfiguration, RestrictedFunction, AttributesChanged, RolesChanged, UserChanged, Application, Launcher, Destination, SourceRole, DestinationMedia, MediaURI, StudyInstanceUID} {
		if words := code.Meanings(c.Scheme, c.Value); !slices.Contains(words, c.Meaning) {
			t.Errorf("%s is %q, not %q", c.Value, words, c.Meaning)
		}
	}
}

func TestSyslog(t *testing.T) {
	m := all()["failed"]
	m.Source.ID = "a b\n"
	b, err := m.Syslog("cineloop", 17)
	if err != nil {
		t.Fatal(err)
	}
	if want := "<84>1 2026-03-04T12:00:00.005Z a_b_ cineloop 17 DICOM+RFC3881 - \xEF\xBB\xBF<?xml"; !strings.HasPrefix(string(b), want) {
		t.Errorf("%.120q", b)
	}
	if f := Frame(b); !strings.HasPrefix(string(f), fmt.Sprintf("%d <84>1 ", len(b))) {
		t.Errorf("%.40q", f)
	}
	if b, _ := all()["login"].Syslog("", 1); !strings.HasPrefix(string(b), "<85>1 ") || !strings.Contains(string(b), " - 1 DICOM+RFC3881 ") {
		t.Errorf("%.80q", b)
	}
	m.Source.ID = ""
	if _, err := m.Syslog("cineloop", 1); err == nil {
		t.Error("no source")
	}
}

// FuzzText: whatever somebody is called, what is written is read back as it was, or refused.
func FuzzText(f *testing.F) {
	for _, s := range []string{"ann", `<a b="c">&amp;`, "\x00", "\xff", "]]>", "\u2028", "\ufffe", "a\r\nb\t"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		m := all()["query"]
		m.Participants[0].UserName = s
		m.Objects[0].Query = Binary(s + "x")
		b, err := m.XML()
		if err != nil {
			return
		}
		var got struct {
			P []struct {
				Name string `xml:"UserName,attr"`
			} `xml:"ActiveParticipant"`
			Query string `xml:"ParticipantObjectIdentification>ParticipantObjectQuery"`
		}
		if err := xml.Unmarshal(b, &got); err != nil {
			t.Fatalf("%v: %s", err, b)
		}
		q, err := base64.StdEncoding.DecodeString(got.Query)
		if err != nil || string(q) != s+"x" || got.P[0].Name != s {
			t.Errorf("%q became %q, %q", s, got.P[0].Name, q)
		}
	})
}
