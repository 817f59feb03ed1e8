package batch

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/deid"
	"github.com/cineloop/cineloop/deid/internal/planted"
	"github.com/cineloop/cineloop/deid/pixels"
	"github.com/cineloop/cineloop/internal/judges"
	"github.com/cineloop/cineloop/internal/testdata"
)

// pair is an object before and after.
type pair struct{ in, out string }

// outputs de-identifies every file under src, the pixel masker included, and says which output is whose.
func outputs(t *testing.T, src, out string) []pair {
	t.Helper()
	pol, _ := deid.Preset("research")
	pol.Pixels.Unsure = "pass" // as many outputs as can be made
	pr, err := pol.Compile()
	if err != nil {
		t.Fatal(err)
	}
	sum, err := Run(context.Background(), Options{In: src, Out: out, Profile: pr, Key: testKey, Masker: pixels.New(), Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	for why, n := range sum.Reasons {
		if strings.HasPrefix(why, "verification") {
			t.Errorf("cleaning and verification disagree about %d objects: %s", n, why)
		}
	}
	sources := map[string]string{}
	err = filepath.WalkDir(src, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			sum, _ := hashFile(path)
			sources[sum] = path
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(out, ManifestFile))
	if err != nil {
		t.Fatal(err)
	}
	var pairs []pair
	for line := range bytes.Lines(raw) {
		var r Record
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatal(err)
		}
		if r.Status == Written {
			pairs = append(pairs, pair{sources[r.Input], filepath.Join(out, filepath.FromSlash(r.Output))})
		}
	}
	return pairs
}

// TestJudgeOutputs lets dciodvfy, dcmtk, pydicom and Orthanc judge every output of the corpora, as they are and with identities planted in them: none finds a fault that it does
// not find in the input.
func TestJudgeOutputs(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: no judge is heard")
	}
	dir := t.TempDir()
	planting := filepath.Join(dir, "planted")
	if _, err := planted.Plant(testdata.Shared(t, "data", "dicom", "real"), planting, 7, 12); err != nil {
		t.Fatal(err)
	}
	for name, src := range map[string]string{"real": testdata.Shared(t, "data", "dicom", "real"), "synthetic": testdata.Shared(t, "data", "dicom", "synthetic"), "planted": planting} {
		pairs := outputs(t, src, filepath.Join(dir, "out-"+name))
		t.Run(name, func(t *testing.T) {
			t.Logf("%d outputs", len(pairs))
			if name != "planted" { // what was planted breaks the standard in ways of its own, and the output in others
				t.Run("dciodvfy", func(t *testing.T) { judgeDciodvfy(t, pairs) })
			}
			t.Run("dcmtk", func(t *testing.T) { judgeDcmtk(t, pairs) })
			t.Run("pydicom", func(t *testing.T) { judgePydicom(t, pairs) })
			t.Run("Orthanc", func(t *testing.T) { judgeOrthanc(t, pairs) })
		})
	}
}

func judgeDciodvfy(t *testing.T, pairs []pair) {
	tool, err := exec.LookPath("dciodvfy")
	if err != nil {
		t.Skip("dciodvfy (dicom3tools) is not installed")
	}
	n, bad, judged := map[string]int{}, 0, 0
	example := map[string]string{}
	for _, p := range pairs {
		before := complaints(t, tool, p.in)
		if before["Error - Dicom dataset read failed"] || strings.Contains(p.in, "/malformed/") {
			continue // it saw the input in part, or the input is no DICOM by intent: there is nothing to compare with
		}
		judged++
		for c := range complaints(t, tool, p.out) {
			if !before[c] {
				n[c]++
				example[c] = p.in
				bad++
			}
		}
	}
	for _, c := range slices.Sorted(maps.Keys(n)) {
		t.Errorf("new in %d outputs: %s, such as that of %s", n[c], c, example[c])
	}
	t.Logf("%d outputs judged, %d new errors; %d inputs can't be judged", judged, bad, len(pairs)-judged)
}

func judgeDcmtk(t *testing.T, pairs []pair) {
	dump, err := exec.LookPath("dcmdump")
	if err != nil {
		t.Skip("dcmdump (dcmtk) is not installed")
	}
	picture, err := exec.LookPath("dcm2pnm")
	if err != nil {
		t.Skip("dcm2pnm (dcmtk) is not installed")
	}
	drawn := 0
	for _, p := range pairs {
		if msg, err := exec.Command(dump, "-q", p.out).CombinedOutput(); err != nil {
			if exec.Command(dump, "-q", p.in).Run() == nil {
				t.Errorf("dcmdump of the output of %s: %.300s", p.in, msg)
			}
		}
		if exec.Command(picture, "+F", "1", p.in, os.DevNull).Run() != nil {
			continue
		}
		drawn++
		if msg, err := exec.Command(picture, "+F", "1", p.out, os.DevNull).CombinedOutput(); err != nil {
			t.Errorf("dcm2pnm of the output of %s: %.300s", p.in, msg)
		}
	}
	t.Logf("%d outputs read by dcmdump, %d drawn by dcm2pnm", len(pairs), drawn)
}

func judgePydicom(t *testing.T, pairs []pair) {
	const python = "/usr/bin/python3" // the distribution's, which has its packages
	if exec.Command(python, "-c", "import pydicom, numpy").Run() != nil {
		t.Skip("pydicom is not installed")
	}
	cmd := exec.Command(python, "../../bench/peers/deid_judge.py")
	var in bytes.Buffer
	for _, p := range pairs {
		fmt.Fprintf(&in, "%s\t%s\n", p.in, p.out)
	}
	cmd.Stdin = &in
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("%s", exit.Stderr)
		}
		t.Fatal(err)
	}
	sc := bufio.NewScanner(bytes.NewReader(out))
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		if line := sc.Text(); strings.Contains(line, "\t") {
			t.Error(line)
		} else {
			t.Logf("pairs, outputs read, outputs decoded: %s", line)
		}
	}
}

func judgeOrthanc(t *testing.T, pairs []pair) {
	base := judges.PlainOrthanc(t)
	stored, refused := 0, 0
	for _, p := range pairs {
		raw, err := os.ReadFile(p.out)
		if err != nil {
			t.Fatal(err)
		}
		status, answer := send(t, base+"/instances", raw)
		if status != 200 {
			before, err := os.ReadFile(p.in)
			if err != nil {
				t.Fatal(err)
			}
			if was, _ := send(t, base+"/instances", before); was == 200 {
				t.Errorf("Orthanc takes %s and refuses its output: %.200s", p.in, answer)
			}
			refused++
			continue
		}
		var got struct{ ID, Status string }
		if err := json.Unmarshal(answer, &got); err != nil {
			t.Fatal(err)
		}
		back, err := http.Get(base + "/instances/" + got.ID + "/file")
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(back.Body)
		back.Body.Close()
		if err != nil || got.Status == "Success" && !bytes.Equal(b, raw) {
			t.Errorf("what Orthanc stored of the output of %s reads back as %d bytes of %d: %v", p.in, len(b), len(raw), err)
		}
		stored++
	}
	t.Logf("%d outputs stored and read back, %d refused as their inputs are", stored, refused)
}

func send(t *testing.T, url string, body []byte) (int, []byte) {
	t.Helper()
	resp, err := http.Post(url, "application/dicom", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, answer
}
