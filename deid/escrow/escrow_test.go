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

// Two books of two runs, sealed for one trustee, become one for two others: what both knew stands once, and the old identity opens it no more.
func TestRotation(t *testing.T) {
	old, _ := age.GenerateX25519Identity()
	next, _ := age.GenerateX25519Identity()
	deputy, _ := age.GenerateX25519Identity()
	dir := t.TempDir()
	shared := Entry{Kind: "patient", Code: "P1", Original: "4711", Name: "Roe^Jane", Days: 77, Key: "k1"}
	first, second := New(), New()
	first.Add(shared)
	first.Add(Entry{Kind: "accession", Code: "A9", Original: "77-1", Key: "k1"})
	second.Add(shared)
	second.Add(Entry{Kind: "patient", Code: "P1", Original: "4711", Name: "Roe^Jane", Days: 12, Key: "k2"}) // another project's key
	for name, b := range map[string]*Book{"1.age": first, "2.age": second} {
		if err := b.Write(filepath.Join(dir, name), old.Recipient()); err != nil {
			t.Fatal(err)
		}
	}
	all := New()
	for _, name := range []string{"1.age", "2.age"} {
		if err := all.Read(filepath.Join(dir, name), old); err != nil {
			t.Fatal(err)
		}
	}
	to, err := Recipients(next.Recipient().String() + ", " + deputy.Recipient().String())
	if err != nil || len(to) != 2 {
		t.Fatal(to, err)
	}
	path := filepath.Join(dir, "new.age")
	if err := all.Write(path, to...); err != nil {
		t.Fatal(err)
	}
	if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v: others can read it", st.Mode(), err)
	}
	for who, id := range map[string]*age.X25519Identity{"the next trustee": next, "the deputy": deputy} {
		b := New()
		if err := b.Read(path, id); err != nil {
			t.Fatalf("%s: %v", who, err)
		}
		if got := b.Entries(); len(got) != 3 || got[0].Kind != "accession" || len(b.Find("P1")) != 2 || len(b.Find("P2")) != 0 {
			t.Errorf("%s: %+v", who, got)
		}
	}
	if err := New().Read(path, old); fault.CodeOf(err) != fault.Input {
		t.Errorf("the old identity: %v", err)
	}
	if err := New().Write(filepath.Join(dir, "nobody.age")); err == nil {
		t.Error("sealed for nobody")
	}
	if _, err := os.Stat(filepath.Join(dir, "nobody.age")); err == nil {
		t.Error("a file that could not be sealed was left")
	}
}

// A changed byte anywhere after the header is found.
func TestAChangedEscrow(t *testing.T) {
	id, _ := age.GenerateX25519Identity()
	b := New()
	b.Add(Entry{Kind: "patient", Code: "P1", Original: "4711"})
	path := filepath.Join(t.TempDir(), "e.age")
	if err := b.Write(path, id.Recipient()); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at < len(raw); at += 7 {
		changed := bytes.Clone(raw)
		changed[at] ^= 1
		if err := os.WriteFile(path, changed, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := New().Read(path, id); fault.CodeOf(err) != fault.Input {
			t.Errorf("byte %d of %d changed: %v", at, len(raw), err)
		}
	}
	if err := New().Read(filepath.Join(t.TempDir(), "none"), id); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("no file: %v", err)
	}
}

// The table by hand: quotes, commas, line ends and other alphabets go through; what is no table of this form says the row.
func TestTable(t *testing.T) {
	const table = "kind,code,origin,name,days,key_id\npatient,P1,\"47,11\",\"Roe^\"\"J\"\"\",-3,k\npatient,P2,4712,山田^太郎,0,\"\"\n"
	b := New()
	if err := b.Import([]byte(table)); err != nil {
		t.Fatal(err)
	}
	want := []Entry{{Kind: "patient", Code: "P1", Original: "47,11", Name: `Roe^"J"`, Days: -3, Key: "k"}, {Kind: "patient", Code: "P2", Original: "4712", Name: "山田^太郎"}}
	if d := cmp.Diff(want, b.Entries()); d != "" {
		t.Error(d)
	}
	var out bytes.Buffer
	if err := b.Export(&out); err != nil || out.String() != "kind,code,origin,name,days,key_id\npatient,P1,\"47,11\",\"Roe^\"\"J\"\"\",-3,k\npatient,P2,4712,山田^太郎,0,\n" {
		t.Errorf("%v\n%s", err, &out)
	}
	const head = "kind,code,origin,name,days,key_id\n"
	for _, bad := range []string{"", "kind,code\n", head + "patient,P1,1,n,77x,k\n", head + "patient,P1,1,n,,k\n", head + "patient,P1,1,n,1.5,k\n", head + "patient,P1\n", head + "patient,\"P1,1,n,1,k\n"} {
		if err := New().Import([]byte(bad)); fault.CodeOf(err) != fault.Input {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if err := New().Import([]byte(head)); err != nil {
		t.Errorf("an empty table: %v", err)
	}
	for _, bad := range []string{"", ",", "age1", "AGE-SECRET-KEY-1"} {
		if _, err := Recipients(bad); fault.CodeOf(err) != fault.Usage {
			t.Errorf("recipient %q: %v", bad, err)
		}
	}
	path := filepath.Join(t.TempDir(), "id")
	if _, err := Identities(path); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("%v", err)
	}
	if err := os.WriteFile(path, []byte("# nothing\nnonsense\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Identities(path); fault.CodeOf(err) != fault.Input {
		t.Errorf("%v", err)
	}
}
