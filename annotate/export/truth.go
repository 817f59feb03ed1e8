package export

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/agree"
	"github.com/cineloop/cineloop/annotate/ledger"
	"github.com/cineloop/cineloop/annotate/protocol"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/signing"
)

// Names of a truth's files.
const (
	TruthCases    = "cases.csv"    // a row a case: items asked of the exam
	TruthImages   = "images.csv"   // a row an image: items asked of images, masks among them
	TruthReadings = "readings.csv" // every reading, from which it was made
	SignatureFile = "manifest.sig.json"
)

// Signature is that of a truth's manifest.
type Signature struct {
	Digest    string `json:"manifest_sha256"`
	Key       string `json:"key_id"`
	PublicKey string `json:"ed25519_public_key"`
	Signature string `json:"signature"`
}

func signedText(digest string) []byte {
	return fmt.Appendf(nil, "cineloop ground truth 1\n%s\n", digest)
}

// WriteTruth writes version of the ground truth into out, a new or empty folder, and signs it. It returns what the project's log says of it.
// Code input where nothing was read.
func WriteTruth(ctx context.Context, r *annotate.Records, head ledger.Head, key *signing.Key, version int, out string) (annotate.Truth, *Manifest, error) {
	var t annotate.Truth
	if r.Protocol == nil || len(r.Readings) == 0 {
		return t, nil, fault.New(fault.Input, "nothing was read yet")
	}
	finals, err := agree.Finals(ctx, r)
	if err != nil {
		return t, nil, err
	}
	w, err := newFolder(out)
	if err != nil {
		return t, nil, err
	}
	m := newManifest("ground truth", r, head)
	m.Version = version
	undecided := 0
	for _, f := range finals {
		if f.Source == "undecided" {
			undecided++
		}
	}
	if undecided > 0 {
		m.Notes = append(m.Notes, fmt.Sprintf("%d answers are undecided and have empty cells", undecided))
	}
	var drawn volumes
	for _, f := range finals {
		if f.Answer != nil {
			drawn.add(r.Case(f.Case), f.Answer)
		}
	}
	masks, err := drawn.write(ctx, w, "")
	if err != nil {
		return t, nil, err
	}
	for _, f := range []struct {
		name  string
		write func(io.Writer) error
	}{
		{TruthCases, func(o io.Writer) error { return truthTable(o, r, finals, protocol.Exam, nil) }},
		{TruthImages, func(o io.Writer) error { return truthTable(o, r, finals, protocol.Image, masks) }},
		{TruthReadings, func(o io.Writer) error { return readingsCSV(o, r) }},
	} {
		if err := w.file(f.name, f.write); err != nil {
			return t, nil, err
		}
	}
	if err := w.finish(m); err != nil {
		return t, nil, err
	}
	b, err := manifestBytes(m)
	if err != nil {
		return t, nil, err
	}
	s := Signature{Digest: protocol.Digest(b), Key: key.Public().ID(), PublicKey: key.Public().String()}
	s.Signature = key.Sign(signedText(s.Digest))
	err = w.file(SignatureFile, func(o io.Writer) error {
		enc := json.NewEncoder(o)
		enc.SetIndent("", "  ")
		return enc.Encode(s)
	})
	return annotate.Truth{Version: version, Digest: s.Digest, PublicKey: s.PublicKey, Signature: s.Signature}, m, err
}

// CheckTruth holds every file of a truth against its manifest, and that against its signature. public, where it is given, is the key that must
// have signed. Code input where something was changed.
func CheckTruth(dir string, public *signing.Public) (*Manifest, error) {
	bad := func(format string, args ...any) (*Manifest, error) {
		return nil, fault.New(fault.Input, "the ground truth does not hold: %s", fmt.Sprintf(format, args...))
	}
	raw, err := os.ReadFile(filepath.Join(dir, ManifestFile))
	if err != nil {
		return nil, fault.New(fault.NotFound, "%w", err)
	}
	sig, err := os.ReadFile(filepath.Join(dir, SignatureFile))
	if err != nil {
		return nil, fault.New(fault.NotFound, "%w", err)
	}
	var s Signature
	var m Manifest
	switch {
	case json.Unmarshal(sig, &s) != nil || json.Unmarshal(raw, &m) != nil:
		return bad("manifest or signature can't be read")
	case s.Digest != protocol.Digest(raw):
		return bad("the manifest was changed")
	}
	by, err := signing.ParsePublic([]byte(s.PublicKey))
	switch {
	case err != nil || !by.Verify(signedText(s.Digest), s.Signature):
		return bad("the signature is wrong")
	case public != nil && !by.Equal(*public):
		return bad("it was signed with another key")
	}
	for _, f := range m.Files {
		if !filepath.IsLocal(filepath.FromSlash(f.Path)) {
			return bad("a file lies outside")
		}
		b, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(f.Path)))
		if err != nil || protocol.Digest(b) != f.SHA256 {
			return bad("%s was changed, or is not there", f.Path)
		}
	}
	return &m, nil
}

// truthTable writes a row a case (or an image) with, for each item of the scope, its value, where that comes from, how many readers, and: of labels
// the share of readers for each option (soft labels), of numbers the readers' standard deviation, of masks the file.
func truthTable(o io.Writer, r *annotate.Records, finals []agree.Final, scope protocol.Scope, masks map[cell]string) error {
	by := map[cell]agree.Final{}
	for _, f := range finals {
		if k := (cell{f.Case, f.Image, f.Item}); by[k].Item == "" {
			by[k] = f
		}
	}
	head := []string{"case", "patient", "file"}
	if scope == protocol.Image {
		head = []string{"case", "patient", "image", "file"}
	}
	var items []*protocol.Item
	for i := range r.Protocol.Items {
		it := &r.Protocol.Items[i]
		if it.Scope != scope && !(it.Scope == protocol.Series && scope == protocol.Image) || it.Kind == protocol.Text || it.Kind == protocol.Prefer || it.Kind == protocol.Origin {
			continue
		}
		items = append(items, it)
		head = append(head, columnsOf(it)...)
	}
	c := csv.NewWriter(o)
	_ = c.Write(head)
	for _, of := range r.Cases {
		for image := range of.Images {
			at, row := image+1, []string{of.ID, plain(of.Patient), strconv.Itoa(image + 1), plain(of.Images[image].File)}
			if scope == protocol.Exam {
				at, row = 0, []string{of.ID, plain(of.Patient), plain(of.Images[0].File)}
			}
			for _, it := range items {
				k := cell{of.ID, at, it.Name}
				if it.Scope == protocol.Series {
					k.image = of.SeriesOf(at)
				}
				row = append(row, cells(it, by[k], masks[k])...)
			}
			_ = c.Write(row)
			if scope == protocol.Exam {
				break
			}
		}
	}
	c.Flush()
	return c.Error()
}

func columnsOf(it *protocol.Item) []string {
	out := []string{it.Name, it.Name + "_source", it.Name + "_readers"}
	switch it.Kind {
	case protocol.Choice, protocol.Ordinal:
		for _, o := range it.Options {
			out = append(out, it.Name+"_p_"+o.Name)
		}
	case protocol.Mask:
		out = append(out, it.Name+"_mask")
	case protocol.Multi:
	default:
		out = append(out, it.Name+"_sd")
	}
	return out
}

func cells(it *protocol.Item, f agree.Final, mask string) []string {
	v, source, n := "", f.Source, ""
	if f.Item != "" {
		n = strconv.Itoa(f.N)
	}
	if f.Answer != nil {
		switch it.Kind {
		case protocol.Choice, protocol.Ordinal:
			v = f.Answer.Choice[0]
		case protocol.Multi:
			for i, o := range f.Answer.Choice {
				if i > 0 {
					v += "|"
				}
				v += o
			}
		default:
			if it.Unit == "" || f.Answer.Unit == it.Unit {
				v = number(f.Answer.Value)
			}
		}
	}
	out := []string{v, source, n}
	switch it.Kind {
	case protocol.Choice, protocol.Ordinal:
		for i := range it.Options {
			share := ""
			if f.Soft != nil && f.N > 0 {
				share = strconv.FormatFloat(f.Soft[i], 'g', -1, 64)
			}
			out = append(out, share)
		}
	case protocol.Mask:
		out = append(out, mask)
	case protocol.Multi:
	default:
		sd := ""
		if f.Item != "" && !math.IsNaN(f.SD) {
			sd = strconv.FormatFloat(f.SD, 'g', -1, 64)
		}
		out = append(out, sd)
	}
	return out
}
