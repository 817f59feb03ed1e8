package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/internal/testdata"
)

// TestCommittedTablesAreTheGenerators writes the tables anew and wants the committed ones, byte for byte.
func TestCommittedTablesAreTheGenerators(t *testing.T) {
	dir := testdata.Shared(t, "data", "dicom-standard")
	here, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	for _, d := range []string{"tag", "uid", "code", "iod"} {
		if err := os.Mkdir(filepath.Join(out, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(filepath.Join(out, "tag"))
	for _, step := range []func(string) error{attributes, privates, uids, concepts} {
		if err := step(dir); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"tag/keywords.go", "tag/dictionary.go", "tag/private.go", "uid/registry.go", "code/concepts.flate"} {
		got, err := os.ReadFile(filepath.Join(out, name))
		want, err2 := os.ReadFile(filepath.Join(here, name))
		if err != nil || err2 != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what the generator writes: go generate ./dicom/tag; %v %v", name, err, err2)
		}
	}
	t.Setenv("DICOM3TOOLS", "")
	if err := iods(dir); err != nil {
		t.Errorf("without templates: %v", err)
	}
	if err := concepts(t.TempDir()); err == nil {
		t.Error("a folder without tables")
	}
}

// Module templates by hand: what is taken of them, and that nothing else is.
func TestTemplates(t *testing.T) {
	tp := templates{lists: map[string]*list{}, keyword: map[string]string{"PatientName": "00100010", "PatientID": "00100020", "CodeValue": "00080100", "Seq": "00081140", "Modality": "00080060"}}
	tp.read(`
# a comment
DefineMacro="Code"
	Name="CodeValue"		Type="1C"	Condition="Whatever"
MacroEnd
Module="Patient"
	Name="PatientName"		Type="2"
	Verify="PatientName"	Condition="X"	ThenErrorMessage="no"
	Name="PatientName"		Type="1"
	Name="Unknown"			Type="1"
	InvokeMacro="Code"
	InvokeMacro="Code"		Condition="Sometimes"
	Sequence="Seq"			Type="3"	VM="1-n"
		Name="PatientName"	Type="1"
		Sequence="NotKnown"	Type="1"	VM="1"
			Name="PatientID"	Type="1"
		SequenceEnd
		Name="PatientID"	Type="2C"
	SequenceEnd
	Name="PatientID"		Type="3C"
ModuleEnd
Module="GeneralSeries"
	Name="Modality"			Type="1C"
ModuleEnd
`)
	if got, want := strings.Join(tp.lists["Patient"].entries, " "), "001000102 @Code ?Code 000811403{ 001000101 00100020b } 001000203"; got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	if got := strings.Join(tp.lists["Code"].entries, " "); got != "00080100a" || !tp.lists["Code"].macro || tp.lists["Patient"].macro {
		t.Errorf("%s", got)
	}
	if got := strings.Join(tp.lists["GeneralSeries"].entries, " "); got != "000800601" {
		t.Errorf("%s", got)
	}
	if strings.Join(tp.lost, " ") != "Unknown NotKnown" {
		t.Errorf("lost %q", tp.lost)
	}
}

// The whole step on a small standard.
func TestIODs(t *testing.T) {
	dir, src := t.TempDir(), t.TempDir()
	modules := filepath.Join(src, "libsrc", "standard", "module")
	if err := os.MkdirAll(modules, 0o755); err != nil {
		t.Fatal(err)
	}
	write := func(path, text string) {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(modules, "a.tpl"), "DefineMacro=\"M\"\n\tName=\"PatientID\" Type=\"1\"\nMacroEnd\nModule=\"PatientModule\"\n\tInvokeMacro=\"M\"\nModuleEnd\nModule=\"Unused\"\n\tName=\"PatientID\" Type=\"3\"\nModuleEnd\n")
	write(filepath.Join(dir, "attributes.csv"), "tag,vr,vm,name,retired,keyword\n00100020,LO,1,Patient ID,,PatientID\n")
	write(filepath.Join(dir, "sop_iods.csv"), "sop_class_uid,name,iod\n1.2.3,Thing Storage,A Thing\n1.2.4,Other Storage,No Such\n")
	write(filepath.Join(dir, "iod_modules.csv"), "iod,module,usage,information_entity\na-thing,patient,M,Patient\na-thing,mystery,U,Patient\n")
	out := t.TempDir()
	for _, d := range []string{"tag", "iod"} {
		if err := os.Mkdir(filepath.Join(out, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(filepath.Join(out, "tag"))
	t.Setenv("DICOM3TOOLS", src)
	if err := iods(dir); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(out, "iod", "tables.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"1.2.3": "a-thing"`, "\na-thing MPatientModule U?mystery\n", "\nPatientModule @M\n", "\nM 001000201\n"} {
		if !strings.Contains(string(b), want) {
			t.Errorf("no %q in\n%s", want, b)
		}
	}
	if strings.Contains(string(b), "Unused") || strings.Contains(string(b), "1.2.4") {
		t.Errorf("what nothing uses:\n%s", b)
	}
	t.Setenv("DICOM3TOOLS", t.TempDir())
	if err := iods(dir); err == nil {
		t.Error("a folder without templates")
	}
}
