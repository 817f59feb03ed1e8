package torch

import (
	"bytes"
	"math"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cineloop/cineloop/internal/fault"
)

// probe is in every file of testdata: arange(6) as 2x3.
var probe = ArrayOf([]float32{0, 1, 2, 3, 4, 5}, 2, 3)

func TestReadPTHState(t *testing.T) {
	for _, file := range []string{"zip.pth", "legacy.pth"} {
		got, err := ReadPTH("testdata/" + file)
		if err != nil {
			t.Fatal(err)
		}
		transposed, window := make([]float32, 24), []float32{8, 9, 10, 14, 15, 16} // of arange(24) as 4x6
		for i := range transposed {
			transposed[i] = float32(i%4*6 + i/4)
		}
		want := map[string]Array{
			"probe": probe, "transposed": ArrayOf(transposed, 6, 4), "window": ArrayOf(window, 2, 3),
			"scalar": ArrayOf([]float32{2.5}), "empty": ArrayOf(nil, 0, 3), "expanded": ArrayOf([]float32{1, 1, 1}, 3),
			"f16": {Float16, []int64{2}, []byte{0, 0x3e, 0, 0xc0}}, "bf16": {BFloat16, []int64{2}, []byte{0xc0, 0x3f, 0, 0xc0}},
			"i32": {Int32, []int64{1}, []byte{7, 0, 0, 0}}, "u8": {Uint8, []int64{1}, []byte{255}}, "b": {Bool, []int64{2}, []byte{1, 0}},
			"i64": {Int64, []int64{2}, []byte{0xfb, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0, 0, 1, 0, 0}},
			"c64": {Complex64, []int64{1}, []byte{0, 0, 0x80, 0x3f, 0, 0, 0, 0x40}},
		}
		f64 := got["f64"]
		delete(got, "f64")
		for name, a := range want {
			if a.Shape == nil {
				a.Shape = []int64{}
				want[name] = a
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", file, d)
		}
		if v, err := f64.Float32s(); err != nil || !math.IsInf(float64(v[0]), 1) || f64.DType != Float64 {
			t.Errorf("%s: 1e300 as float32 is %v, %v", file, v, err)
		}
	}
}

func TestReadPTHFindsWeightsInside(t *testing.T) {
	for file, names := range map[string][]string{
		"checkpoint.pth":    {"probe", "w"}, // without DataParallel's prefix
		"module.pth":        {"conv.bias", "conv.weight", "probe"},
		"module_legacy.pth": {"conv.bias", "conv.weight", "probe"},
	} {
		got, err := ReadPTH("testdata/" + file)
		if err != nil {
			t.Fatal(err)
		}
		if have := sortedKeys(got); !slices.Equal(have, names) {
			t.Errorf("%s has %v, want %v", file, have, names)
		}
		if d := cmp.Diff(probe, got["probe"]); d != "" {
			t.Errorf("%s: %s", file, d)
		}
	}
}

func TestReadPTHTree(t *testing.T) {
	tree, err := ReadPTHTree("testdata/checkpoint.pth")
	if err != nil {
		t.Fatal(err)
	}
	d := tree.(*Dict)
	huge, _ := d.Get("huge")
	if huge.(*big.Int).Cmp(new(big.Int).Lsh(big.NewInt(1), 80)) != 0 {
		t.Errorf("2**80 is %v", huge)
	}
	for key, want := range map[string]any{"epoch": int64(3), "lr": 0.1, "best": nil, "note": "é"} {
		if v, ok := d.Get(key); !ok || v != want {
			t.Errorf("%s is %v, want %v", key, v, want)
		}
	}
	flags, _ := d.Get("flags")
	if items := flags.(*List).Items; len(items) != 2 || items[0] != true {
		t.Errorf("flags %v", items)
	}
}

func TestReadPTHRefuses(t *testing.T) {
	whole, err := os.ReadFile("testdata/legacy.pth")
	if err != nil {
		t.Fatal(err)
	}
	zipped, _ := os.ReadFile("testdata/zip.pth")
	dir := t.TempDir()
	for name, c := range map[string]struct {
		content []byte
		want    string
	}{
		"empty":      {nil, "not a file of torch.save"},
		"text":       {[]byte("hello, world"), "not a file of torch.save"},
		"pickle":     {[]byte("\x80\x02K\x05."), "wrong magic number"},
		"truncated":  {whole[:len(whole)-9], "ends inside"},
		"no storage": {whole[:len(whole)/2], "ends too early"},
		"bad zip":    {zipped[:len(zipped)-9], "zip"},
	} {
		path := filepath.Join(dir, "x.pth")
		os.WriteFile(path, c.content, 0o644)
		_, err := ReadPTH(path)
		if err == nil || !strings.Contains(err.Error(), c.want) || fault.CodeOf(err) != fault.Input {
			t.Errorf("%s: %v, want an input error with %q", name, err, c.want)
		}
	}
	if _, err := ReadPTH("testdata/script.pt"); err == nil || !strings.Contains(err.Error(), "LoadScript") {
		t.Errorf("TorchScript: %v", err)
	}
	if _, err := ReadPTH(filepath.Join(dir, "none.pth")); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("absent: %v", err)
	}
}

// A pickle that would run a command in Python gives data here.
func TestPickleRunsNothing(t *testing.T) {
	u := &unpickler{reduce: (&pthReader{}).reduce}
	v, _, err := u.load([]byte("cos\nsystem\n(S'touch /tmp/never'\ntR."))
	if err != nil {
		t.Fatal(err)
	}
	if o, ok := v.(*PyObject); !ok || o.Class != "os.system" {
		t.Errorf("got %#v", v)
	}
}

func TestPickleOpcodes(t *testing.T) {
	for in, want := range map[string]any{
		"N.": nil, "\x88.": true, "I00\n.": false, "I01\n.": true, "I-7\n.": int64(-7), "L12L\n.": int64(12), "K\xff.": int64(255),
		"M\x01\x02.": int64(513), "J\xff\xff\xff\xff.": int64(-1), "\x8a\x00.": int64(0), "\x8a\x01\x80.": int64(-128), "\x8a\x02\xff\x00.": int64(255),
		"F1.5\n.": 1.5, "G?\xf8\x00\x00\x00\x00\x00\x00.": 1.5, "Vab\n.": "ab", "U\x02ab.": "ab", "\x8c\x02ab\x94.": "ab",
		"(K\x01K\x02K\x031K\x05.": int64(5), "K\x07q\x05K\x010h\x05.": int64(7),
	} {
		u := &unpickler{}
		if got, _, err := u.load([]byte(in)); err != nil || got != want {
			t.Errorf("%q: %v, %v; want %v", in, got, err, want)
		}
	}
	for in, want := range map[string]string{
		"": "ends too early", "K": "ends too early", ".": "empty stack", "t.": "no mark", "(0.": "empty stack", "h\x01.": "memorised",
		"\x80\x09N.": "protocol 9", "\xfeN.": "not supported", "}K\x01(K\x02u.": "without value", "K\x01K\x02a.": "appending to a int64",
		"X\xff\xff\xff\xffa.": "a value of", "Ixy\n.": "an integer", "K\x01Q.": "reference to a storage",
	} {
		u := &unpickler{reduce: (&pthReader{}).reduce}
		if got, _, err := u.load([]byte(in)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v; want an error with %q", in, got, err, want)
		}
	}
}

func TestWritePTHRoundTrip(t *testing.T) {
	want, err := ReadPTH("testdata/zip.pth")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "w.pth")
	if err := WritePTH(path, want); err != nil {
		t.Fatal(err)
	}
	got, err := ReadPTH(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if err := WritePTH(path, map[string]Array{"x": {Float32, []int64{3}, nil}}); err == nil {
		t.Error("an impossible array was written")
	}
}

// python is a Python with torch, or the test is skipped.
func python(t *testing.T, modules ...string) string {
	t.Helper()
	for _, exe := range []string{os.Getenv("CINELOOP_PYTHON"), "/usr/bin/python3", "python3"} {
		if exe != "" && exec.Command(exe, "-c", "import "+strings.Join(modules, ", ")).Run() == nil {
			return exe
		}
	}
	t.Skipf("no Python with %s here; set CINELOOP_PYTHON to run this comparison", strings.Join(modules, " and "))
	return ""
}

func TestPythonReadsWhatWeWrite(t *testing.T) {
	exe := python(t, "torch")
	tensors, err := ReadPTH("testdata/zip.pth")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "ours.pth")
	if err := WritePTH(path, tensors); err != nil {
		t.Fatal(err)
	}
	const script = `
import sys, torch, collections
theirs = torch.load(sys.argv[1])
for arguments in {}, {"weights_only": True}:
    ours = torch.load(sys.argv[2], **arguments)
    assert type(ours) is collections.OrderedDict and sorted(ours) == sorted(theirs), sorted(ours)
    for k, v in theirs.items():
        assert ours[k].dtype == v.dtype and ours[k].shape == v.shape and torch.equal(ours[k], v), k
print("equal")
`
	out, err := exec.Command(exe, "-c", script, "testdata/zip.pth", path).CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("equal")) {
		t.Errorf("%v\n%s", err, out)
	}
}

func FuzzReadPTH(f *testing.F) {
	for _, name := range []string{"zip.pth", "legacy.pth", "checkpoint.pth", "module_legacy.pth"} {
		b, err := os.ReadFile("testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		tree, err := readPTH(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		for name, a := range stateDict(tree) {
			if err := a.check(); err != nil {
				t.Fatalf("%q: %v", name, err)
			}
		}
	})
}

func FuzzUnpickle(f *testing.F) {
	f.Add([]byte("\x80\x02}q\x00(X\x01\x00\x00\x00aK\x01u."))
	f.Add([]byte("ccollections\nOrderedDict\n)R(X\x01\x00\x00\x00aJ\x01\x00\x00\x00ub."))
	f.Fuzz(func(t *testing.T, b []byte) {
		p := &pthReader{budget: 1 << 20}
		if v, _, err := p.unpickler().load(b); err == nil {
			stateDict(v)
		}
	})
}
