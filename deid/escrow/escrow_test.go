package escrow

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"filippo.io/age"
	"github.com/google/go-cmp/cmp"

	"github.com/cineloop/cineloop/internal/fault"
)

func TestSealedAndOpened(t *testing.T) {
	one, _ := age.GenerateX25519Identity()
	two, _ := age.GenerateX25519Identity()
	b := New()
	want := []Entry{{Kind: "patient", Code: "P1", Original: "4711", Name: "Roe^Jane, \"J\"", Days: 77, Key: "k"}, {Kind: "study", Code: "2.25.1", Original: "1.2.3", Key: "k"}}
	for range 2 {
		for i := range want {
			b.Add(want[1-i])
		}
	}
	path := filepath.Join(t.TempDir(), "escrow.age")
	if err := b.Write(path, one.Recipient()); err != nil {
		t.Fatal(err)
	}
	raw, _ := os.ReadFile(path)
	if bytes.Contains(raw, []byte("Roe")) || bytes.Contains(raw, []byte("4711")) {
		t.Error("the file is not sealed")
	}
	back := New()
	if err := back.Read(path, one); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, back.Entries()); d != "" {
		t.Error(d)
	}
	if got := back.Find("P1"); len(got) != 1 || got[0].Original != "4711" {
		t.Errorf("%+v", got)
	}
	if err := New().Read(path, two); fault.CodeOf(err) != fault.Input {
		t.Errorf("another identity: %v", err)
	}
	if err := os.WriteFile(path, raw[:len(raw)-5], 0o600); err != nil {
		t.Fatal(err)
	}
	if err := New().Read(path, one); err == nil {
		t.Error("a file that was cut off")
	}
	var table bytes.Buffer
	if err := b.Export(&table); err != nil {
		t.Fatal(err)
	}
	again := New()
	if err := again.Import(table.Bytes()); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, again.Entries()); d != "" {
		t.Error(d)
	}
	if err := again.Import([]byte("a,b\n1,2\n")); fault.CodeOf(err) != fault.Input {
		t.Errorf("%v", err)
	}
	if _, err := Recipients("age1nonsense"); fault.CodeOf(err) != fault.Usage {
		t.Errorf("%v", err)
	}
}
