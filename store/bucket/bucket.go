package bucket

import (
	"context"
	"io"
	"net/url"
	"os"
	"strings"

	"gocloud.dev/blob"
	_ "gocloud.dev/blob/azureblob" // azblob://
	_ "gocloud.dev/blob/gcsblob"   // gs://
	_ "gocloud.dev/blob/s3blob"    // s3://

	"github.com/cineloop/cineloop/internal/fault"
)

// Bucket is a prefix of a bucket. It is used from many goroutines.
type Bucket struct {
	b      *blob.Bucket
	prefix string // "" or ending in a slash
}

// Is reports whether a place is in object storage: a URL of a known kind.
func Is(place string) bool {
	scheme, _, ok := strings.Cut(place, "://")
	return ok && (scheme == "s3" || scheme == "gs" || scheme == "azblob")
}

// Open opens the place that a URL names. Nothing is asked of the cloud yet.
func Open(ctx context.Context, place string) (*Bucket, error) {
	u, err := url.Parse(place)
	if err != nil || !Is(place) {
		return nil, fault.New(fault.Usage, "want s3://bucket/prefix, gs://… or azblob://…")
	}
	prefix := strings.Trim(u.Path, "/")
	if prefix != "" {
		prefix += "/"
	}
	u.Path = ""
	b, err := blob.OpenBucket(ctx, u.String())
	if err != nil {
		return nil, fault.New(fault.Usage, "opening the bucket: %w", Bare(err))
	}
	return &Bucket{b, prefix}, nil
}

// Close lets go of the connections.
func (b *Bucket) Close() error { return b.b.Close() }

// List calls f with the name, below the prefix, and the size in bytes of every object whose name begins with under, in the order of names.
func (b *Bucket) List(ctx context.Context, under string, f func(name string, size int64) error) error {
	for it := b.b.List(&blob.ListOptions{Prefix: b.prefix + under}); ; {
		o, err := it.Next(ctx)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return Fault(err, "listing the bucket")
		}
		if o.IsDir || strings.HasSuffix(o.Key, "/") && o.Size == 0 { // consoles make such objects stand for folders
			continue
		}
		if err := f(strings.TrimPrefix(o.Key, b.prefix), o.Size); err != nil {
			return err
		}
	}
}

// Size is an object's size in bytes; the error is of code not found where there is none.
func (b *Bucket) Size(ctx context.Context, name string) (int64, error) {
	a, err := b.b.Attributes(ctx, b.prefix+name)
	if err != nil {
		return 0, Fault(err, "asking for an object")
	}
	return a.Size, nil
}

// Fetch writes an object into the file at path, which it makes.
func (b *Bucket) Fetch(ctx context.Context, name, path string) error {
	f, err := os.Create(path)
	if err != nil {
		return fault.New(fault.Resource, "%w", err)
	}
	err = b.b.Download(ctx, b.prefix+name, f, nil)
	if cerr := f.Close(); err == nil && cerr != nil {
		return fault.New(fault.Resource, "%w", cerr)
	}
	if err != nil {
		os.Remove(path)
		return Fault(err, "reading an object")
	}
	return nil
}

// Send makes an object of the file at path, in place of one that was there.
func (b *Bucket) Send(ctx context.Context, name, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fault.New(fault.Input, "%w", err)
	}
	defer f.Close()
	if err := b.b.Upload(ctx, b.prefix+name, f, &blob.WriterOptions{ContentType: "application/octet-stream"}); err != nil {
		return Fault(err, "writing an object")
	}
	return nil
}

// Read is the whole of a small object.
func (b *Bucket) Read(ctx context.Context, name string) ([]byte, error) {
	raw, err := b.b.ReadAll(ctx, b.prefix+name)
	if err != nil {
		return nil, Fault(err, "reading an object")
	}
	return raw, nil
}

// Write makes a small object.
func (b *Bucket) Write(ctx context.Context, name string, raw []byte) error {
	if err := b.b.WriteAll(ctx, b.prefix+name, raw, &blob.WriterOptions{ContentType: "application/octet-stream"}); err != nil {
		return Fault(err, "writing an object")
	}
	return nil
}
