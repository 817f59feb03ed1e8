package pdu

import (
	"bytes"
	"fmt"
	"reflect"
	"testing"
)

func sprintf(format string, args ...any) string { return fmt.Sprintf(format, args...) }

// FuzzAssociate: any body gives an error, or a value that is written and read again as itself.
func FuzzAssociate(f *testing.F) {
	for _, accept := range []bool{false, true} {
		b, err := full(accept).Append(nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b[HeaderSize:], accept)
		f.Add(b[HeaderSize:100], accept)
	}
	f.Add(make([]byte, associateFixed), false)
	f.Fuzz(func(t *testing.T, b []byte, accept bool) {
		a, err := DecodeAssociate(b, accept)
		if err != nil {
			return
		}
		if len(a.Contexts) > 128 {
			t.Fatal("more contexts than identifiers")
		}
		out, err := a.Append(nil)
		if err != nil {
			return // titles that may come but may not be sent
		}
		again, err := DecodeAssociate(out[HeaderSize:], accept)
		if err != nil {
			t.Fatalf("what was written can't be read: %v", err)
		}
		if !reflect.DeepEqual(normal(a), normal(again)) {
			t.Fatalf("\n%+v\n%+v", a, again)
		}
	})
}

// normal sets aside differences that mean nothing: empty and absent.
func normal(a *Associate) *Associate {
	for i := range a.User.Extended {
		a.User.Extended[i].Info = append([]byte{}, a.User.Extended[i].Info...)
	}
	if id := a.User.Identity; id != nil {
		id.Primary, id.Secondary = append([]byte{}, id.Primary...), append([]byte{}, id.Secondary...)
	}
	return a
}

// FuzzPDV: values never reach outside of the body.
func FuzzPDV(f *testing.F) {
	f.Add([]byte{0, 0, 0, 4, 3, 1, 0xAA, 0xBB, 0, 0, 0, 2, 5, 2})
	f.Add([]byte{0xFF, 0xFF, 0xFF, 0xFF, 1, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		var joined []byte
		for rest := b; len(rest) > 0; {
			v, next, err := NextPDV(rest)
			if err != nil {
				return
			}
			head := make([]byte, PDVHeaderSize)
			PutPDVHeader(head, v.Context, v.Command, v.Last, len(v.Data))
			head[5] = rest[5] // reserved bits
			joined = append(append(joined, head...), v.Data...)
			rest = next
		}
		if !bytes.Equal(joined, b) {
			t.Fatalf("%x is not %x", joined, b)
		}
	})
}
