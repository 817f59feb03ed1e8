package bundle

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/signing"
)

// Bundle is a bundle whose manifest and signature were checked. Its files are checked as they are read.
type Bundle struct {
	Manifest  Manifest
	Signature *Signature // nil: it is not signed

	signer signing.Public
	from   source
}

// source is a bundle's form.
type source interface {
	// open gives a member's bytes.
	open(path string) (io.ReadCloser, error)
	// whole compares the members with what the manifest names; head is how the files before the manifest's own are called.
	whole(head []string, m *Manifest) error
	Close() error
}

// Is says whether path looks like a bundle: a folder with bundle.json, or a ZIP file.
func Is(path string) bool {
	st, err := os.Stat(path)
	if err != nil {
		return false
	}
	if st.IsDir() {
		_, err := os.Stat(filepath.Join(path, ManifestFile))
		return err == nil
	}
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	var magic [4]byte
	_, err = io.ReadFull(f, magic[:])
	return err == nil && string(magic[:]) == "PK\x03\x04"
}

// Open opens the bundle at path and checks its manifest, its signature where it has one, and that the files are just those that the
// manifest names, of the sizes that it gives. Their digests are checked by [Bundle.Read], [Bundle.Unpack] and [Bundle.Verify].
//
// Errors: notfound, input (not a bundle, or one that does not hold).
func Open(path string) (*Bundle, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, fault.New(fault.NotFound, "%w", err)
	}
	if st.IsDir() {
		root, err := os.OpenRoot(path)
		if err != nil {
			return nil, fault.New(fault.Input, "opening the bundle: %w", err)
		}
		return check(&folder{root})
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fault.New(fault.Input, "opening the bundle: %w", err)
	}
	a, err := newArchive(f, st.Size())
	if err != nil {
		f.Close()
		return nil, err
	}
	a.closer = f
	return check(a)
}

// check reads what vouches for the rest; src is closed when it fails.
func check(src source) (b *Bundle, err error) {
	defer func() {
		if err != nil {
			src.Close()
		}
	}()
	manifest, err := readSmall(src, ManifestFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.Input, "this is no bundle: it has no %s", ManifestFile).WithHint("make one with cineloop bundle RUN --out FILE")
	}
	if err != nil {
		return nil, err
	}
	m, err := parseManifest(manifest)
	if err != nil {
		return nil, err
	}
	b = &Bundle{Manifest: *m, from: src}
	head := []string{ManifestFile}
	sig, err := readSmall(src, SignatureFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, err
	default:
		if b.Signature, b.signer, err = checkSignature(sig, manifest); err != nil {
			return nil, err
		}
		head = append(head, SignatureFile)
	}
	return b, src.whole(head, m)
}

func readSmall(src source, name string) ([]byte, error) {
	r, err := src.open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err != nil {
		return nil, broken("%s cannot be opened: %w", name, err)
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, maxManifest+1))
	if err != nil {
		return nil, broken("%s cannot be read: %w", name, err)
	}
	if len(b) > maxManifest {
		return nil, broken("%s is too long", name)
	}
	return b, nil
}

// Close lets go of the bundle's file.
func (b *Bundle) Close() error { return b.from.Close() }

// SignedBy makes sure that the bundle was signed with the key whose public half this is.
func (b *Bundle) SignedBy(p signing.Public) error {
	if b.Signature == nil {
		return fault.New(fault.Input, "the bundle is not signed")
	}
	if !b.signer.Equal(p) {
		return fault.New(fault.Input, "the bundle was signed with another key, %s instead of %s", b.signer.ID(), p.ID())
	}
	return nil
}

// file finds a member in the manifest.
func (b *Bundle) file(path string) (File, error) {
	i := slices.IndexFunc(b.Manifest.Files, func(f File) bool { return f.Path == path })
	if i < 0 {
		return File{}, fault.New(fault.NotFound, "the bundle has no file %q", path)
	}
	return b.Manifest.Files[i], nil
}

// Has says whether the bundle has a file.
func (b *Bundle) Has(path string) bool { _, err := b.file(path); return err == nil }

// Read is a file's content, checked. It is for texts: weights are unpacked.
func (b *Bundle) Read(path string) ([]byte, error) {
	f, err := b.file(path)
	if err != nil {
		return nil, err
	}
	if f.Bytes > maxText {
		return nil, broken("%s is too long", path)
	}
	var buf bytes.Buffer
	if err := b.copy(&buf, f); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// ReadJSON decodes a file.
func (b *Bundle) ReadJSON(path string, v any) error {
	data, err := b.Read(path)
	if err != nil {
		return err
	}
	if err := strictJSON(data, v); err != nil {
		return fault.New(fault.Input, "the bundle's %s cannot be read: %w", path, err).WithHint("was it made by a newer version?")
	}
	return nil
}

// copy copies a file's content and checks it. What was written before the error must not be used.
func (b *Bundle) copy(w io.Writer, f File) error {
	r, err := b.from.open(f.Path)
	if err != nil {
		return broken("%s cannot be opened: %w", f.Path, err)
	}
	defer r.Close()
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(w, sum), io.LimitReader(r, f.Bytes+1))
	if err != nil {
		return broken("%s cannot be read: %w", f.Path, err)
	}
	if n != f.Bytes || hexOf(sum) != f.SHA256 {
		return broken("%s is not what it was when the bundle was made", f.Path)
	}
	return nil
}

// Verify reads every file and holds it against its digest.
func (b *Bundle) Verify() error {
	for _, f := range b.Manifest.Files {
		if err := b.copy(io.Discard, f); err != nil {
			return err
		}
	}
	return nil
}

// Unpack copies the files into a folder, checked, so that what is used afterwards is what was checked.
func (b *Bundle) Unpack(dir string) error {
	for _, f := range b.Manifest.Files {
		to := filepath.Join(dir, filepath.FromSlash(f.Path))
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			return fault.New(fault.Resource, "unpacking the bundle: %w", err)
		}
		w, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return fault.New(fault.Resource, "unpacking the bundle: %w", err)
		}
		err = b.copy(w, f)
		if cerr := w.Close(); err == nil && cerr != nil {
			err = fault.New(fault.Resource, "unpacking the bundle: %w", cerr)
		}
		if err != nil {
			os.Remove(to)
			return err
		}
	}
	return nil
}

// folder is a bundle in a folder. Nothing outside it can be reached.
type folder struct{ root *os.Root }

func (d *folder) Close() error { return d.root.Close() }

func (d *folder) open(path string) (io.ReadCloser, error) {
	st, err := d.root.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, broken("%s is no ordinary file", path)
	}
	return d.root.Open(path)
}

func (d *folder) whole(head []string, m *Manifest) error {
	want := map[string]int64{}
	for _, h := range head {
		want[h] = -1
	}
	for _, f := range m.Files {
		want[f.Path] = f.Bytes
	}
	err := fs.WalkDir(d.root.FS(), ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		size, ok := want[path]
		if !ok {
			return broken("%s names no file %q, and there is one", ManifestFile, path)
		}
		delete(want, path)
		st, err := e.Info()
		switch {
		case err != nil:
			return err
		case !st.Mode().IsRegular():
			return broken("%s is no ordinary file", path)
		case size >= 0 && st.Size() != size:
			return broken("%s has %d bytes instead of %d", path, st.Size(), size)
		}
		return nil
	})
	if err != nil {
		if _, ok := errors.AsType[*fault.Error](err); ok {
			return err
		}
		return fault.New(fault.Input, "looking through the bundle: %w", err)
	}
	for _, f := range m.Files {
		if _, missing := want[f.Path]; missing {
			return broken("%s is missing", f.Path)
		}
	}
	return nil
}

// archive is a bundle in one file.
type archive struct {
	zip    *zip.Reader
	size   int64
	closer io.Closer
}

func newArchive(r io.ReaderAt, size int64) (*archive, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, fault.New(fault.Input, "this is no bundle: %w", err).WithHint("make one with cineloop bundle RUN --out FILE")
	}
	return &archive{zip: z, size: size}, nil
}

func (a *archive) Close() error {
	if a.closer == nil {
		return nil
	}
	return a.closer.Close()
}

func (a *archive) open(path string) (io.ReadCloser, error) {
	for _, f := range a.zip.File {
		if f.Name == path {
			if f.Method != zip.Store {
				return nil, broken("%s is compressed", path)
			}
			return f.Open()
		}
	}
	return nil, fs.ErrNotExist
}

// whole makes sure that the archive is just what [Write] would write: these members in this order and not a byte besides, so that no two
// programs can read different things out of it.
func (a *archive) whole(head []string, m *Manifest) error {
	want := make([]File, 0, len(head)+len(m.Files))
	for _, h := range head {
		want = append(want, File{Path: h, Bytes: -1})
	}
	want = append(want, m.Files...)
	if len(a.zip.File) != len(want) {
		return broken("it has %d files, %s names %d", len(a.zip.File), ManifestFile, len(want))
	}
	at := int64(0)
	for i, f := range a.zip.File {
		size := int64(f.UncompressedSize64)
		if f.Name != want[i].Path || want[i].Bytes >= 0 && size != want[i].Bytes || size < 0 {
			return broken("%q is not where %s has it, or not of that size", f.Name, ManifestFile)
		}
		if f.Method != zip.Store || f.CompressedSize64 != f.UncompressedSize64 || len(f.Extra) > 0 || f.Comment != "" {
			return broken("%s is not stored as a bundle's files are", f.Name)
		}
		want[i].Bytes = size
		if offset, err := f.DataOffset(); err != nil || offset != at+localHeader+int64(len(f.Name)) {
			return broken("%s does not follow the file before it", f.Name)
		}
		at += localHeader + int64(len(f.Name)) + size
	}
	if a.zip.Comment != "" || a.size != zipSize(want) {
		return broken("there is more in the file than its members")
	}
	return nil
}
