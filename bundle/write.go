package bundle

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cineloop/cineloop/internal/atomicfile"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/signing"
)

// Content is a file that goes into a bundle: its bytes, or the file that has them.
type Content struct {
	Path string // in the bundle
	Data []byte
	From string // a file on disk, where Data is nil
}

// JSON is v as a file of a bundle.
func JSON(path string, v any) (Content, error) {
	b, err := encode(v)
	return Content{Path: path, Data: b}, err
}

// maxZip bounds a bundle in one file: beyond it ZIP needs records that not every program reads.
const maxZip = 1<<32 - 1

// IsFile says whether a bundle written to this path is one file: when its name ends in .cineloop or .zip.
func IsFile(path string) bool {
	ext := strings.ToLower(filepath.Ext(path))
	return ext == ".cineloop" || ext == ".zip"
}

// Write writes a bundle: one file where [IsFile], else a folder, which must be absent or empty. m's files are filled in from content. A
// nil key leaves the bundle unsigned. Nothing is left behind when it fails.
//
// Errors: usage (a path that no bundle may have), conflict (out is there already), resource (out of disk).
func Write(out string, m Manifest, content []Content, key *signing.Key) (*Manifest, error) {
	content = slices.Clone(content)
	slices.SortFunc(content, func(a, b Content) int { return strings.Compare(a.Path, b.Path) })
	m.Format, m.Files = Format, nil
	sums := make([]uint32, len(content))
	for i, c := range content {
		f, crc, err := c.measure()
		if err != nil {
			return nil, err
		}
		m.Files, sums[i] = append(m.Files, f), crc
	}
	manifest, err := encode(m)
	if err != nil {
		return nil, err
	}
	if _, err := parseManifest(manifest); err != nil { // what is written can be read
		return nil, fault.New(fault.Internal, "writing a bundle: %w", err)
	}
	head := []Content{{Path: ManifestFile, Data: manifest}}
	if key != nil {
		sig, err := JSON(SignatureFile, sign(manifest, key))
		if err != nil {
			return nil, err
		}
		head = append(head, sig)
	}
	if _, err := os.Lstat(out); err == nil && !emptyDir(out) {
		return nil, fault.New(fault.Conflict, "%s is there already", out).WithHint("give another --out, or remove it")
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.Input, "writing a bundle: %w", err)
	}
	if IsFile(out) {
		return &m, writeZip(out, head, content, m.Files, sums)
	}
	return &m, WriteFolder(out, append(head, content...))
}

func emptyDir(path string) bool {
	list, err := os.ReadDir(path)
	return err == nil && len(list) == 0
}

// open gives the content's bytes.
func (c Content) open() (io.ReadCloser, error) {
	if c.Data != nil || c.From == "" {
		return io.NopCloser(bytes.NewReader(c.Data)), nil
	}
	f, err := os.Open(c.From)
	if err != nil {
		return nil, fault.New(fault.Input, "reading what goes into the bundle: %w", err)
	}
	return f, nil
}

// measure reads the content once for its size and sums.
func (c Content) measure() (File, uint32, error) {
	r, err := c.open()
	if err != nil {
		return File{}, 0, err
	}
	defer r.Close()
	sum, crc := sha256.New(), crc32.NewIEEE()
	n, err := io.Copy(io.MultiWriter(sum, crc), r)
	if err != nil {
		return File{}, 0, fault.New(fault.Input, "reading what goes into the bundle: %w", err)
	}
	return File{Path: c.Path, Bytes: n, SHA256: hexOf(sum)}, crc.Sum32(), nil
}

func hexOf(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }

// writeZip writes the members in order, stored, without times, owners or descriptors.
func writeZip(out string, head, content []Content, files []File, sums []uint32) error {
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return fault.New(fault.Resource, "making the folder: %w", err)
	}
	var all []File
	var crcs []uint32
	for _, c := range head {
		f, crc, err := c.measure()
		if err != nil {
			return err
		}
		all, crcs = append(all, f), append(crcs, crc)
	}
	all, crcs, content = append(all, files...), append(crcs, sums...), append(head, content...)
	if zipSize(all) > maxZip {
		return fault.New(fault.Usage, "a bundle in one file holds less than 4 GiB").WithHint("give --out a folder's name")
	}
	return atomicfile.Write(out, func(w io.Writer) error {
		z := zip.NewWriter(w)
		for i, c := range content {
			size := uint64(all[i].Bytes)
			to, err := z.CreateRaw(&zip.FileHeader{Name: c.Path, Method: zip.Store, CRC32: crcs[i], CompressedSize64: size, UncompressedSize64: size})
			if err != nil {
				return err
			}
			if err := c.copyTo(to, all[i]); err != nil {
				return err
			}
		}
		return z.Close()
	})
}

// copyTo copies the content and makes sure that it is still what was measured.
func (c Content) copyTo(w io.Writer, want File) error {
	r, err := c.open()
	if err != nil {
		return err
	}
	defer r.Close()
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(w, sum), io.LimitReader(r, want.Bytes+1))
	if err != nil {
		return err
	}
	if n != want.Bytes || hexOf(sum) != want.SHA256 {
		return fault.New(fault.Conflict, "%s changed while it was written", c.Path).WithHint("repeat the command when nothing else works on the run")
	}
	return nil
}

// Sizes of ZIP's records without names (APPNOTE.TXT 4.3).
const (
	localHeader   = 30
	centralHeader = 46
	endRecord     = 22
)

// zipSize is the size of an archive of these members as [writeZip] makes it.
func zipSize(files []File) int64 {
	size := int64(endRecord)
	for _, f := range files {
		size += localHeader + centralHeader + 2*int64(len(f.Path)) + f.Bytes
	}
	return size
}

// WriteFolder writes files into a new folder, or none of them: they are made beside it under another name first.
func WriteFolder(out string, content []Content) (err error) {
	out = filepath.Clean(out)
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return fault.New(fault.Resource, "making the folder: %w", err)
	}
	tmp, err := os.MkdirTemp(filepath.Dir(out), ".bundle-*")
	if err != nil {
		return fault.New(fault.Resource, "making the folder: %w", err)
	}
	defer func() {
		if err != nil {
			os.RemoveAll(tmp)
		}
	}()
	if err := os.Chmod(tmp, 0o755); err != nil {
		return err
	}
	for _, c := range content {
		if !goodPath(c.Path) {
			return fault.New(fault.Usage, "no file of a bundle may be called %q", c.Path)
		}
		to := filepath.Join(tmp, filepath.FromSlash(c.Path))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return fault.New(fault.Resource, "making the folder: %w", err)
		}
		f, _, err := c.measure()
		if err != nil {
			return err
		}
		if err := atomicfile.Write(to, func(w io.Writer) error { return c.copyTo(w, f) }); err != nil {
			return err
		}
	}
	if emptyDir(out) {
		if err := os.Remove(out); err != nil {
			return fault.New(fault.Conflict, "%s cannot be replaced: %w", out, err)
		}
	}
	if err := os.Rename(tmp, out); err != nil {
		return fault.New(fault.Conflict, "%s is there already: %w", out, err)
	}
	return nil
}
