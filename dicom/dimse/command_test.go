package dimse

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/internal/fault"
)

// TestEchoBytes holds C-ECHO-RQ and -RSP against bytes written by hand from PS3.7 tables 9.3-12 and 9.3-13.
func TestEchoBytes(t *testing.T) {
	for _, c := range []struct {
		cmd  Command
		want string
	}{
		{Command{Field: CEcho, MessageID: 7, AffectedClass: "1.2.840.10008.1.1"}, `
			00000000 04000000 38000000
			00000200 12000000 312E322E3834302E31303030382E312E3100
			00000001 02000000 3000
			00001001 02000000 0700
			00000008 02000000 0101`},
		{Command{Field: CEcho | response, RespondsTo: 7, AffectedClass: "1.2.840.10008.1.1"}, `
			00000000 04000000 42000000
			00000200 12000000 312E322E3834302E31303030382E312E3100
			00000001 02000000 3080
			00002001 02000000 0700
			00000008 02000000 0101
			00000009 02000000 0000`},
	} {
		want, err := hex.DecodeString(strings.Join(strings.Fields(c.want), ""))
		if err != nil {
			t.Fatal(err)
		}
		if got := c.cmd.Encode(); !bytes.Equal(got, want) {
			t.Errorf("%v:\n got %x\nwant %x", c.cmd.Field, got, want)
		}
	}
}

// commands are one of each, with all fields that it can have.
func commands() []Command {
	return []Command{
		{Field: CStore, MessageID: 1, AffectedClass: "1.2", Affected: "1.3", Priority: PriorityHigh, HasDataSet: true, MoveOriginator: "ORIG", MoveMessageID: 9},
		{Field: CStore | response, RespondsTo: 1, AffectedClass: "1.2", Affected: "1.3", Status: OutOfResources, ErrorComment: "disk full"},
		{Field: CMove, MessageID: 65535, AffectedClass: "1.2", Destination: "DEST", HasDataSet: true},
		{Field: CMove | response, RespondsTo: 2, Status: PendingMatch, Progress: &Progress{Remaining: 3, Completed: 2, Failed: 1, Warning: 0}},
		{Field: CGet | response, RespondsTo: 2, Status: SubOperationsFailed, HasDataSet: true, Progress: &Progress{Completed: 2, Failed: 1}},
		{Field: CCancel, RespondsTo: 3},
		{Field: CFind | response, RespondsTo: 3, Status: IdentifierMismatch, Offending: []tag.Tag{tag.PatientName, tag.StudyDate}, ErrorID: 5},
		{Field: NAction, MessageID: 4, RequestedClass: "1.2", Requested: "1.3", ActionType: 1, HasDataSet: true},
		{Field: NEventReport, MessageID: 5, AffectedClass: "1.2", Affected: "1.3", EventType: 2, HasDataSet: true},
	}
}

func TestCommandRoundTrip(t *testing.T) {
	for _, want := range commands() {
		b := want.Encode()
		if len(b)%2 != 0 || int(b[8])|int(b[9])<<8 != len(b)-12 {
			t.Errorf("%v: group length", want.Field)
		}
		got, err := DecodeCommand(b)
		if err != nil || !reflect.DeepEqual(*got, want) {
			t.Errorf("%v: %v\n got %+v\nwant %+v", want.Field, err, got, want)
		}
		for n := range b {
			_, _ = DecodeCommand(b[:n])
		}
	}
	long := Command{Field: CEcho | response, ErrorComment: strings.Repeat("x", 100)}
	if got, err := DecodeCommand(long.Encode()); err != nil || len(got.ErrorComment) != 64 {
		t.Errorf("a long comment: %v", err)
	}
	big := Command{Field: CMove | response, Progress: &Progress{Completed: 100_000, Failed: -1}}
	if got, err := DecodeCommand(big.Encode()); err != nil || got.Progress.Completed != 65535 || got.Progress.Failed != 0 {
		t.Errorf("counts beyond 16 bits: %+v, %v", got, err)
	}
}

func TestCommandRefused(t *testing.T) {
	good := (&Command{Field: CEcho, MessageID: 1}).Encode()
	for name, s := range map[string]string{
		"nothing":                       "",
		"seven bytes":                   "00000001020000",
		"a length beyond the end":       "00000001 FFFFFFFF 3000",
		"another group":                 "08000001 02000000 3000",
		"a field of one byte":           "00000001 01000000 30",
		"no data set type":              "00000001 02000000 3000 00001001 02000000 0700",
		"a request without message ID":  "00000001 02000000 3000 00000008 02000000 0101",
		"a response without status":     "00000001 02000000 3080 00002001 02000000 0700 00000008 02000000 0101",
		"a cancel of nothing":           "00000001 02000000 FF0F 00000008 02000000 0101",
		"bytes after the last element ": hex.EncodeToString(good) + "00",
	} {
		b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := DecodeCommand(b); fault.CodeOf(err) != fault.Input {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A peer's comment can't reach the terminal's controls.
	c, err := DecodeCommand((&Command{Field: CEcho | response, ErrorComment: "a\x1b[2Jb\u00e9"}).Encode())
	if err != nil || strings.ContainsAny(c.ErrorComment, "\x1b\u00e9") {
		t.Errorf("%q %v", c.ErrorComment, err)
	}
}

// FuzzCommand: any bytes give an error, or a command that is written and read again as itself.
func FuzzCommand(f *testing.F) {
	for _, c := range commands() {
		f.Add(c.Encode())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := DecodeCommand(b)
		if err != nil {
			return
		}
		again, err := DecodeCommand(c.Encode())
		if err != nil {
			t.Fatal(err)
		}
		if again.Field != c.Field || again.Status != c.Status && c.Field.IsResponse() || again.HasDataSet != c.HasDataSet || again.AffectedClass != c.AffectedClass || again.Affected != c.Affected {
			t.Fatalf("\n%+v\n%+v", c, again)
		}
	})
}

func TestStatus(t *testing.T) {
	for s, want := range map[Status]Class{Success: Successful, PendingMatch: Pending, PendingWithout: Pending, Cancel: Cancelled, 0xB000: Warning, 0xB007: Warning,
		0x0001: Warning, 0x0107: Warning, 0x0116: Warning, OutOfResources: Failure, 0xA901: Failure, CannotUnderstand: Failure, ProcessingFailure: Failure, 0x0122: Failure} {
		if s.Class() != want {
			t.Errorf("%04X is %d, want %d", uint16(s), s.Class(), want)
		}
		if s.String() == "" {
			t.Errorf("%04X has no words", uint16(s))
		}
	}
	for s, want := range map[Status]string{0xC123: "cannot understand or unable to process", 0xA7FF: "out of resources", 0xA9AA: "data set or identifier does not match SOP class",
		0xB006: "warning", 0x0199: "status 0199"} {
		if s.String() != want {
			t.Errorf("%04X: %s", uint16(s), s)
		}
	}
	err := error(&StatusError{Status: NoSuchInstance, Field: CStore | response, Comment: "gone"})
	if err.Error() != "C-STORE: no such SOP instance (0112H): gone" || fault.CodeOf(err) != fault.NotFound {
		t.Errorf("%v, %v", err, fault.CodeOf(err))
	}
	for s, want := range map[Status]fault.Code{Cancel: fault.Interrupted, OutOfResources: fault.Resource, SubOperationsFailed: fault.Partial, CannotUnderstand: fault.Input} {
		if got := fault.CodeOf(&StatusError{Status: s}); got != want {
			t.Errorf("%v: %v", s, got)
		}
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		ctx  context.Context
		err  error
		want Status
	}{
		{t.Context(), nil, Success}, {gone, errors.New("x"), Cancel}, {t.Context(), fault.New(fault.Resource, "x"), OutOfResources},
		{t.Context(), fault.New(fault.Input, "x"), CannotUnderstand}, {t.Context(), fault.New(fault.NotFound, "x"), NoSuchInstance},
		{t.Context(), errors.New("Doe^Jane"), ProcessingFailure}, {gone, &StatusError{Status: 0xA900}, 0xA900},
	} {
		if s, comment := statusOf(c.ctx, c.err); s != c.want || comment != "" {
			t.Errorf("%v: %v %q", c.err, s, comment)
		}
	}
	if CFind.String() != "C-FIND-RQ" || (CFind|response).String() != "C-FIND-RSP" || CCancel.String() != "C-CANCEL-RQ" || Field(0x77).String() != "command 0077H" {
		t.Error("names of commands")
	}
}
