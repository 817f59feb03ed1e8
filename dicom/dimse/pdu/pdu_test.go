package pdu

import (
	"bytes"
	"encoding/hex"
	"reflect"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
)

// unhex reads bytes written in groups.
func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// full has every item that there is.
func full(accept bool) *Associate {
	a := &Associate{
		Accept: accept, ProtocolVersion: 1, CalledAE: "CALLED", CallingAE: "SIXTEEN_LETTERS_", Application: ApplicationContext,
		User: UserInformation{
			MaxLength: 131072, ImplementationClassUID: "1.2.3", ImplementationVersion: "V1", Async: &AsyncWindow{Invoked: 5, Performed: 0},
			Roles:    []Role{{"1.2.840.10008.1.20.1", true, false}, {"1.2.3.4", false, true}},
			Extended: []Extended{{"1.2.840.10008.5.1.4.1.2.2.1", []byte{1, 0, 1}}},
			CommonExtended: []CommonExtended{
				{"1.2.5", "1.2.840.10008.4.2", []string{"1.2.6", "1.2.7.8"}}, {"1.2.9", "1.2.840.10008.4.2", nil}},
		},
	}
	if accept {
		a.User.IdentityResponse = []byte("ticket")
		a.Contexts = []Context{{ID: 1, Transfer: []string{"1.2.840.10008.1.2"}}, {ID: 3, Result: TransferSyntaxNotSupported, Transfer: []string{"1.2.840.10008.1.2"}}}
		return a
	}
	a.User.Identity = &Identity{Type: UsernamePasscode, ResponseRequested: true, Primary: []byte("user"), Secondary: []byte("secret")}
	a.Contexts = []Context{{ID: 1, Abstract: "1.2.840.10008.1.1", Transfer: []string{"1.2.840.10008.1.2", "1.2.840.10008.1.2.1"}}, {ID: 255, Abstract: "1.9"}}
	return a
}

func TestAssociateRoundTrip(t *testing.T) {
	for _, accept := range []bool{false, true} {
		want := full(accept)
		b, err := want.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		h := ParseHeader(b)
		wantType := AssociateRQ
		if accept {
			wantType = AssociateAC
		}
		if h.Type != wantType || int(h.Length) != len(b)-HeaderSize || h.Length > Limit(h.Type, 0) {
			t.Fatalf("header %+v of %d bytes", h, len(b))
		}
		got, err := DecodeAssociate(b[HeaderSize:], accept)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("accept %v:\n got %+v\nwant %+v", accept, got, want)
		}
		for n := range b[HeaderSize:] { // cut anywhere: an error or a shorter value, never a panic
			_, _ = DecodeAssociate(b[HeaderSize:HeaderSize+n], accept)
		}
	}
}

// TestAssociateBytes holds a request against bytes written out by hand from PS3.8 tables 9-11 to 9-17 and D.1-1.
func TestAssociateBytes(t *testing.T) {
	a := &Associate{ProtocolVersion: 1, CalledAE: "SCP", CallingAE: "SCU", Application: "1.2", Contexts: []Context{{ID: 1, Abstract: "1.2", Transfer: []string{"1.3"}}},
		User: UserInformation{MaxLength: 16384, ImplementationClassUID: "1.4", Async: &AsyncWindow{2, 3}, Roles: []Role{{"1.2", false, true}},
			Extended: []Extended{{"1.2", []byte{7}}}, CommonExtended: []CommonExtended{{"1.2", "1.5", []string{"1.6"}}},
			Identity: &Identity{Type: Username, Primary: []byte("u")}}}
	want := unhex(t, `01 00 000000B1
		0001 0000
		534350 20202020202020202020202020 534355 20202020202020202020202020
		0000000000000000000000000000000000000000000000000000000000000000
		10 00 0003 312E32
		20 00 0012 01 00 00 00
			30 00 0003 312E32
			40 00 0003 312E33
		50 00 004C
			51 00 0004 00004000
			52 00 0003 312E34
			53 00 0004 0002 0003
			54 00 0007 0003 312E32 00 01
			56 00 0006 0003 312E32 07
			57 00 0011 0003 312E32 0003 312E35 0005 0003 312E36
			58 00 0007 01 00 0001 75 0000`)
	got, err := a.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("\n got %x\nwant %x", got, want)
	}
}

func TestFixedUnits(t *testing.T) {
	for _, c := range []struct {
		name string
		got  []byte
		want string
	}{
		{"reject", Reject{RejectedPermanent, RejectedByUser, UserCalledAENotKnown}.Append(nil), "03 00 00000004 00 01 01 07"},
		{"abort", Abort{AbortedByProvider, UnexpectedPDU}.Append(nil), "07 00 00000004 00 00 02 02"},
		{"release request", AppendRelease(nil, ReleaseRQ), "05 00 00000004 00000000"},
		{"release response", AppendRelease(nil, ReleaseRP), "06 00 00000004 00000000"},
	} {
		if want := unhex(t, c.want); !bytes.Equal(c.got, want) {
			t.Errorf("%s: %x, want %x", c.name, c.got, want)
		}
	}
	rj, err := DecodeReject([]byte{0, 2, 3, 2})
	if err != nil || rj != (Reject{RejectedTransient, RejectedByPresentation, PresentationLimitExceeded}) || rj.String() != "local limit exceeded (transient)" {
		t.Errorf("%+v %v %v", rj, rj, err)
	}
	ab, err := DecodeAbort([]byte{0, 0, 2, 6})
	if err != nil || ab.String() != "by the service provider: invalid PDU parameter value" {
		t.Errorf("%v %v", ab, err)
	}
	if (Abort{}).String() != "by the service user" || (Abort{Source: 2, Reason: 77}).String() != "by the service provider" || (Reject{Source: 9}).String() != "unknown reason (permanent)" {
		t.Error("unknown reasons have no words")
	}
	for _, b := range [][]byte{nil, {0}, make([]byte, 5)} {
		if _, err := DecodeReject(b); fault.CodeOf(err) != fault.Input {
			t.Errorf("reject of %d bytes: %v", len(b), err)
		}
		if _, err := DecodeAbort(b); fault.CodeOf(err) != fault.Input {
			t.Errorf("abort of %d bytes: %v", len(b), err)
		}
	}
	if Type(9).String() != "unknown PDU" || DataTF.String() != "P-DATA-TF" || Limit(9, 100) != 0 || Limit(DataTF, 100) != 100 || Limit(AbortPDU, 0) != 4 {
		t.Error("types")
	}
}

func TestAssociateRefused(t *testing.T) {
	good, _ := full(false).Append(nil)
	body := good[HeaderSize:]
	contextAt := bytes.Index(body, []byte{itemContextRQ, 0})
	change := func(at int, v byte) []byte {
		b := bytes.Clone(body)
		b[at] = v
		return b
	}
	for name, b := range map[string][]byte{
		"empty": nil, "short": body[:67], "cut inside an item": body[:len(body)-1], "item beyond the end": change(contextAt+2, 0xFF),
		"even context identifier": change(contextAt+4, 2), "bytes after the last item": append(bytes.Clone(body), 0x10),
		"role shorter than its fields": append(bytes.Clone(body[:68]), itemUser, 0, 0, 6, subRole, 0, 0, 2, 0, 9),
		"two user informations":        append(append(bytes.Clone(body[:68]), itemUser, 0, 0, 0), itemUser, 0, 0, 0),
		"context of three bytes":       append(bytes.Clone(body[:68]), itemContextRQ, 0, 0, 3, 1, 0, 0),
	} {
		if _, err := DecodeAssociate(b, false); fault.CodeOf(err) != fault.Input {
			t.Errorf("%s: %v", name, err)
		}
	}
	many := bytes.Clone(body[:68])
	for range 129 {
		many = append(many, itemContextRQ, 0, 0, 4, 1, 0, 0, 0)
	}
	if _, err := DecodeAssociate(many, false); fault.CodeOf(err) != fault.Input {
		t.Errorf("129 contexts: %v", err)
	}
	// Unknown items are passed over.
	if a, err := DecodeAssociate(append(bytes.Clone(body), 0x99, 0, 0, 1, 7), false); err != nil || a.CalledAE != "CALLED" {
		t.Errorf("an unknown item: %v", err)
	}
}

func TestAppendRefuses(t *testing.T) {
	for name, change := range map[string]func(*Associate){
		"no AE title":         func(a *Associate) { a.CalledAE = "" },
		"spaces":              func(a *Associate) { a.CalledAE = "  " },
		"17 characters":       func(a *Associate) { a.CallingAE = "12345678901234567" },
		"a backslash":         func(a *Associate) { a.CallingAE = `A\B` },
		"a control character": func(a *Associate) { a.CallingAE = "A\n" },
		"an item too long":    func(a *Associate) { a.Application = strings.Repeat("1", 70000) },
	} {
		a := full(false)
		change(a)
		if _, err := a.Append(nil); fault.CodeOf(err) != fault.Usage {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestIdentityHides(t *testing.T) {
	id := full(false).User.Identity
	for _, format := range []string{"%v", "%+v", "%s", "%#v"} {
		if s := strings.ToLower(strings.TrimSpace(sprintf(format, id))); strings.Contains(s, "secret") || strings.Contains(s, "user") {
			t.Errorf("%s prints %s", format, s)
		}
	}
}

func TestPDV(t *testing.T) {
	b := make([]byte, PDVHeaderSize)
	PutPDVHeader(b, 3, true, false, 2)
	b = append(b, 0xAA, 0xBB)
	second := make([]byte, PDVHeaderSize)
	PutPDVHeader(second, 5, false, true, 0)
	b = append(b, second...)
	if want := unhex(t, "00000004 03 01 AABB 00000002 05 02"); !bytes.Equal(b, want) {
		t.Errorf("%x, want %x", b, want)
	}
	v, rest, err := NextPDV(b)
	if err != nil || v.Context != 3 || !v.Command || v.Last || !bytes.Equal(v.Data, []byte{0xAA, 0xBB}) {
		t.Errorf("%+v %v", v, err)
	}
	v, rest, err = NextPDV(rest)
	if err != nil || v.Context != 5 || v.Command || !v.Last || len(v.Data) != 0 || len(rest) != 0 {
		t.Errorf("%+v %v, %d left", v, err, len(rest))
	}
	for _, bad := range []string{"", "00", "00000001 03 01", "00000003 03 01", "FFFFFFFF 03 01 00", "00000000 03 01"} {
		if _, _, err := NextPDV(unhex(t, bad)); fault.CodeOf(err) != fault.Input {
			t.Errorf("%s: %v", bad, err)
		}
	}
}
