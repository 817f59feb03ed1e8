package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/pixel"
	"github.com/cineloop/cineloop/dicom/uid"
)

// corrected are files whose digest in expected.json is of another order of the samples (by plane; single bits as bytes, cut off). These are opj_decompress
// 2.5.0's, by pixel, and for the bits those of the native files of the same images.
var corrected = map[string]string{
	"real/pydicom-data/HTJ2KLossless_08_RGB.dcm":      "9d87240604f5d7522c6a8056ace6cefc2c8d6d0b07bd6e7303d5e5b21af9a49e",
	"real/pydicom-data/HTJ2K_08_RGB.dcm":              "16463ac9d0b0c70eed678971adf2076815b73148cff485ade090beb64868f7e3",
	"real/pydicom-data/liver_j2k.dcm":                 "b022303f9581eb6f89ddc394beda0a08adaaa2eeb2fa89d021241ce104b9d9fa",
	"real/pydicom-data/liver_nonbyte_aligned_j2k.dcm": "63adc0fcf10447f89ab4d8ef1ea116c6700efaf1b5626d3a15f59e7b28b40c18",
}

// corpus counts, by transfer syntax, the frames of the corpus that each program decodes to the digest that independent decoders agreed
// on. Lossy files made from an image without loss, whose digest is that image's, can't be right for anyone and are left out.
func corpus(root string) error {
	raw, err := os.ReadFile(filepath.Join(root, "expected.json"))
	if err != nil {
		return err
	}
	var expected map[string]struct {
		SHA    string `json:"native_sha256"`
		Lossy  bool
		Pixels *struct {
			SHA json.RawMessage `json:"native_sha256"`
		}
	}
	if err := json.Unmarshal(raw, &expected); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "bench-corpus")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	type count struct{ frames, ours, dcmtk, gdcm, pydicom int }
	table := map[dicom.TransferSyntax]*count{}
	var names []string
	for name := range expected {
		names = append(names, name)
	}
	sort.Strings(names)
	digests := func(name string) map[string]bool {
		if sum := corrected[name]; sum != "" {
			return map[string]bool{sum: true}
		}
		e := expected[name]
		out := map[string]bool{}
		if e.SHA != "" && !e.Lossy {
			out[e.SHA] = true
		}
		if e.Pixels != nil {
			var many map[string]string
			var one string
			if json.Unmarshal(e.Pixels.SHA, &one) == nil {
				out[one] = true
			} else if json.Unmarshal(e.Pixels.SHA, &many) == nil {
				for _, s := range many {
					out[s] = true
				}
			}
		}
		return out
	}
	type item struct {
		path    string
		row     *count
		frames  int
		digests map[string]bool
	}
	var items []item
	for _, name := range names {
		want := digests(name)
		path := filepath.Join(root, name)
		f, err := dicom.Open(path)
		if err != nil || len(want) == 0 {
			continue
		}
		frames := 1
		if im, err := pixel.Open(f); err == nil {
			frames = im.Frames
		}
		ts := f.TransferSyntax
		if table[ts] == nil {
			table[ts] = &count{}
		}
		row := table[ts]
		row.frames += frames
		if sum, _, err := pixel.Digest(f); err == nil && want[sum] {
			row.ours += frames
		}
		f.Close()
		items = append(items, item{path, row, frames, want})
		out := filepath.Join(dir, "out.dcm")
		if tool := dcmtkTool(ts); tool != nil && judged(tool, path, out, want) {
			row.dcmtk += frames
		}
		if judged([]string{"gdcmconv", "--raw"}, path, out, want) {
			row.gdcm += frames
		}
	}
	args := []string{"bench/peers/dicom_codecs.py", "digest"}
	for _, it := range items {
		args = append(args, it.path)
	}
	var sums map[string]string
	out, err := exec.Command("/usr/bin/python3", args...).Output()
	if err == nil {
		err = json.Unmarshal(out, &sums)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench/dicom: pydicom:", err)
	}
	for _, it := range items {
		if it.digests[sums[it.path]] {
			it.row.pydicom += it.frames
		}
	}
	var total count
	var all []dicom.TransferSyntax
	for ts, c := range table {
		all = append(all, ts)
		total.frames += c.frames
		total.ours += c.ours
		total.dcmtk += c.dcmtk
		total.gdcm += c.gdcm
		total.pydicom += c.pydicom
	}
	sort.Slice(all, func(i, j int) bool { return all[i] < all[j] })
	show := func(name string, c count) {
		row("dicom: frames right, "+name, fmt.Sprint(c.ours), fmt.Sprintf("dcmtk %d, gdcm %d, pydicom %d", c.dcmtk, c.gdcm, c.pydicom), "", fmt.Sprint(c.frames))
	}
	for _, ts := range all {
		show(strings.TrimPrefix(string(ts), "1.2.840.10008")+" "+shortName(ts), *table[ts])
	}
	show("all", total)
	return nil
}

func shortName(ts dicom.TransferSyntax) string {
	name, _, _ := strings.Cut(ts.Name(), " (")
	return name
}

// dcmtkTool is the program of dcmtk that writes a file of ts as a native one.
func dcmtkTool(ts dicom.TransferSyntax) []string {
	switch ts {
	case uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit, uid.JPEGSpectralSelectionNonHierarchical68, uid.JPEGFullProgressionNonHierarchical1012, uid.JPEGLossless, uid.JPEGLosslessSV1:
		return []string{"dcmdjpeg", "+cn"}
	case uid.JPEGLSLossless, uid.JPEGLSNearLossless:
		return []string{"dcmdjpls"}
	case uid.RLELossless:
		return []string{"dcmdrle"}
	}
	return []string{"dcmconv", "+te"}
}

// judged runs a tool that writes a native file, and holds what that has against the digests.
func judged(tool []string, in, out string, want map[string]bool) bool {
	os.Remove(out)
	if exec.Command(tool[0], append(tool[1:], in, out)...).Run() != nil {
		return false
	}
	f, err := dicom.Open(out)
	if err != nil {
		return false
	}
	defer f.Close()
	if f.TransferSyntax.IsEncapsulated() { // it passed the frames on
		return false
	}
	sum, _, err := pixel.Digest(f)
	return err == nil && want[sum]
}
