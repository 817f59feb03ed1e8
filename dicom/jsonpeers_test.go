package dicom

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"testing"
)

// TestJSONAgreesWithPeers holds our JSON of every file of the corpus against dcmtk's and pydicom's: attributes, VRs, values, inline bytes.
func TestJSONAgreesWithPeers(t *testing.T) {
	if testing.Short() {
		t.Skip("runs a program for each file")
	}
	dir, names, want := corpus(t)
	var paths []string
	ours := map[string]map[string]any{}
	for _, name := range names {
		if want[name].Pydicom != "ok" {
			continue
		}
		path := filepath.Join(dir, name)
		f, err := Open(path)
		if err != nil {
			continue
		}
		js, err := f.DataSet.JSON(1<<16, nil)
		clean := f.Incomplete == nil && len(f.Warnings) == 0 && len(f.Validate()) < maxFindings
		f.Close()
		var m map[string]any
		if err != nil || json.Unmarshal(js, &m) != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if clean { // what peers make of broken files differs
			paths = append(paths, path)
			ours[path] = m
		}
	}
	t.Run("dcm2json", func(t *testing.T) {
		if _, err := exec.LookPath("dcm2json"); err != nil {
			t.Skip("dcm2json (dcmtk) is not installed")
		}
		theirs := map[string]map[string]any{}
		for _, p := range paths {
			out, err := exec.Command("dcm2json", "-q", p).Output()
			var m map[string]any
			if err != nil || json.Unmarshal(out, &m) != nil {
				continue // it knows no encapsulated pixel data
			}
			theirs[p] = m
		}
		compareJSON(t, paths, ours, theirs)
	})
	t.Run("pydicom", func(t *testing.T) {
		script := `import sys, json, warnings, pydicom
warnings.simplefilter("ignore")
for p in sys.stdin.read().splitlines():
    try:
        d = pydicom.dcmread(p)
        if "PixelData" in d: del d.PixelData
        print(json.dumps([p, d.to_json_dict()]))
    except Exception as e:
        pass`
		cmd := exec.Command("/usr/bin/python3", "-c", script)
		cmd.Stdin = strings.NewReader(strings.Join(paths, "\n"))
		out, err := cmd.Output()
		if err != nil {
			t.Skip("pydicom is not installed")
		}
		theirs := map[string]map[string]any{}
		for line := range bytes.Lines(out) {
			var pair []json.RawMessage
			var p string
			var m map[string]any
			if json.Unmarshal(line, &pair) == nil && json.Unmarshal(pair[0], &p) == nil && json.Unmarshal(pair[1], &m) == nil {
				theirs[p] = m
			}
		}
		compareJSON(t, paths, ours, theirs)
	})
}

func compareJSON(t *testing.T, paths []string, ours, theirs map[string]map[string]any) {
	files, same := 0, 0
	differ := map[string]int{}
	for _, p := range paths {
		if theirs[p] == nil {
			continue
		}
		files++
		var diffs []string
		diffJSON("", ours[p], theirs[p], &diffs)
		if len(diffs) == 0 {
			same++
		}
		for _, d := range diffs {
			if differ[d]++; differ[d] == 1 {
				t.Logf("%s: %s", filepath.Base(p), d)
			}
		}
	}
	t.Logf("%d files, %d alike", files, same)
	if files < 100 || float64(same) < 0.98*float64(files) {
		t.Errorf("only %d of %d are alike", same, files)
	}
}

func diffJSON(path string, a, b map[string]any, out *[]string) {
	keys := map[string]bool{}
	for k := range a {
		keys[k] = true
	}
	for k := range b {
		keys[k] = true
	}
	var list []string
	for k := range keys {
		list = append(list, k)
	}
	sort.Strings(list)
	for _, k := range list {
		// Group lengths, pixel data and the character set (JSON is always UTF-8) are each program's own affair.
		if strings.HasSuffix(k, "0000") || strings.HasPrefix(k, "7FE0") || k == "00080005" || k == "FFFCFFFC" || k[3] >= '0' && (k[3]-'0')%2 == 1 || strings.ContainsRune("13579BDF", rune(k[3])) {
			continue
		}
		x, ok1 := a[k].(map[string]any)
		y, ok2 := b[k].(map[string]any)
		switch {
		case !ok1:
			*out = append(*out, path+k+" is theirs alone")
			continue
		case !ok2:
			*out = append(*out, path+k+" is ours alone")
			continue
		case x["vr"] != y["vr"]:
			*out = append(*out, fmt.Sprintf("%s%s is %v, theirs %v", path, k, x["vr"], y["vr"]))
			continue
		}
		if x["InlineBinary"] != nil && y["InlineBinary"] != nil && x["InlineBinary"] != y["InlineBinary"] {
			*out = append(*out, path+k+" has other bytes")
		}
		v, _ := x["Value"].([]any)
		w, _ := y["Value"].([]any)
		if x["vr"] == "SQ" && len(v) == len(w) {
			for i := range v {
				m, _ := v[i].(map[string]any)
				n, _ := w[i].(map[string]any)
				diffJSON(path+k+"/", m, n, out)
			}
			continue
		}
		if p, q := plainJSON(v), plainJSON(w); p != q {
			*out = append(*out, fmt.Sprintf("%s%s: %.60s, theirs %.60s", path, k, p, q))
		}
	}
}

// plainJSON is values in one form: numbers to six digits, for some give a float of 32 bits with the digits of 64, and names without empty parts.
func plainJSON(v []any) string {
	var out []string
	for _, x := range v {
		s := fmt.Sprint(x)
		if f, ok := x.(float64); ok {
			s = strconv.FormatFloat(f, 'g', 6, 64)
		} else if f, err := strconv.ParseFloat(strings.TrimSpace(s), 64); err == nil {
			s = strconv.FormatFloat(f, 'g', 6, 64)
		}
		if x == nil {
			s = ""
		}
		if m, ok := x.(map[string]any); ok {
			s = ""
			for _, g := range []string{"Alphabetic", "Ideographic", "Phonetic"} {
				name, _ := m[g].(string)
				s += strings.TrimRight(name, "^ ") + "="
			}
			s = strings.TrimRight(s, "=")
		}
		out = append(out, strings.TrimSpace(s))
	}
	return strings.TrimRight(strings.Join(out, `\`), `\`)
}
