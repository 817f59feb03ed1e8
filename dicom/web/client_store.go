package web

import (
	"context"
	"errors"
	"io"
	"iter"
	"net/http"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/internal/fault"
)

// Upload is one DICOM file to store.
type Upload struct {
	Name string // for the caller: comes back in Receipt
	Size int64  // bytes
	Open func() (io.ReadCloser, error)
}

// Receipt is what became of one instance by the server's answer.
type Receipt struct {
	SOPClassUID, SOPInstanceUID string
	Failure                     int // FailureReason (0008,1197), 0 for what was stored
	Warning                     int // WarningReason (0008,1196), 0 for none
}

// StoreOptions of Client.Store.
type StoreOptions struct {
	Study       string // all instances are of this study, and the server refuses others; "" for any
	BatchBytes  int64  // how many bytes go into one request at most (one instance always does); 0: 64 MiB
	BatchCount  int    // how many instances; 0: 500
	Progress    func(sent int, bytes int64)
	EachReceipt func(Receipt)
}

// StoreResult counts receipts.
type StoreResult struct {
	Stored, Warned, Failed int // Warned are among Stored
	Unanswered             int // sent, and neither confirmed nor refused
}

// Store sends files in batches. An error ends it; files of earlier batches are in the result. What was sent is stored only as far as
// the server confirmed it instance by instance.
func (c *Client) Store(ctx context.Context, files iter.Seq2[Upload, error], opts StoreOptions) (StoreResult, error) {
	if opts.BatchBytes <= 0 {
		opts.BatchBytes = 64 << 20
	}
	if opts.BatchCount <= 0 {
		opts.BatchCount = 500
	}
	var res StoreResult
	var batch []Upload
	var size, bytes int64
	sent := 0
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		if err := c.storeBatch(ctx, batch, opts, &res); err != nil {
			return err
		}
		sent, bytes = sent+len(batch), bytes+size
		batch, size = nil, 0
		if opts.Progress != nil {
			opts.Progress(sent, bytes)
		}
		return nil
	}
	for u, err := range files {
		if err != nil {
			return res, err
		}
		if len(batch) > 0 && (size+u.Size > opts.BatchBytes || len(batch) == opts.BatchCount) {
			if err := flush(); err != nil {
				return res, err
			}
		}
		batch, size = append(batch, u), size+u.Size
	}
	return res, flush()
}

func (c *Client) storeBatch(ctx context.Context, batch []Upload, opts StoreOptions, res *StoreResult) error {
	f := newFraming()
	length := int64(len(f.end()))
	for i, u := range batch {
		length += int64(len(f.head(i == 0, typeDICOM))) + u.Size
	}
	path := "studies"
	if opts.Study != "" {
		path = Resource{Study: opts.Study}.Path()
	}
	resp, err := c.do(ctx, request{method: http.MethodPost, path: path, length: length,
		header: http.Header{"Content-Type": {`multipart/related; type="application/dicom"; boundary=` + f.boundary}, "Accept": {typeJSON}},
		body:   func() (io.ReadCloser, error) { return &batchReader{f: f, batch: batch}, nil },
	}, http.StatusConflict, http.StatusServiceUnavailable)
	if answered(err, http.StatusBadRequest, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity, http.StatusRequestEntityTooLarge, http.StatusInternalServerError) {
		// Some servers refuse a whole request for one instance in it: the halves tell which.
		if len(batch) == 1 {
			res.Failed++
			if opts.EachReceipt != nil {
				opts.EachReceipt(Receipt{Failure: FailureProcessing})
			}
			return nil
		}
		if err := c.storeBatch(ctx, batch[:len(batch)/2], opts, res); err != nil {
			return err
		}
		return c.storeBatch(ctx, batch[len(batch)/2:], opts, res)
	}
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	n, err := c.receipts(resp, opts, res)
	if err != nil {
		return err
	}
	if n == 0 && resp.StatusCode == http.StatusServiceUnavailable {
		return &statusError{resp.StatusCode, fault.New(fault.Resource, "%s does not store: it is busy or full", c.host())}
	}
	if n < len(batch) {
		// "200 OK" with nothing in it is not believed.
		res.Unanswered += len(batch) - n
	}
	return nil
}

// receipts reads the response of a store (PS3.18 section 10.5.3) and says how many instances it names.
func (c *Client) receipts(resp *http.Response, opts StoreOptions, res *StoreResult) (int, error) {
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxRecord))
	if err != nil {
		return 0, c.broken(context.Background(), err)
	}
	if len(b) == 0 {
		return 0, nil
	}
	ds, err := dicom.ParseJSON(b, nil)
	if err != nil {
		return 0, c.wrongAnswer("the response of the store: %w", err)
	}
	n := 0
	tell := func(r Receipt) {
		n++
		switch {
		case r.Failure != 0:
			res.Failed++
		default:
			res.Stored++
			if r.Warning != 0 {
				res.Warned++
			}
		}
		if opts.EachReceipt != nil {
			opts.EachReceipt(r)
		}
	}
	for _, it := range ds.Sequence(tag.ReferencedSOPSequence) {
		w, _ := it.Int(tag.WarningReason)
		tell(Receipt{it.String(tag.ReferencedSOPClassUID), it.String(tag.ReferencedSOPInstanceUID), 0, w})
	}
	for _, it := range ds.Sequence(tag.FailedSOPSequence) {
		why, _ := it.Int(tag.FailureReason)
		if why == 0 {
			why = FailureProcessing
		}
		tell(Receipt{it.String(tag.ReferencedSOPClassUID), it.String(tag.ReferencedSOPInstanceUID), why, 0})
	}
	for _, it := range ds.Sequence(tag.OtherFailuresSequence) {
		why, _ := it.Int(tag.FailureReason)
		tell(Receipt{Failure: max(why, 1)})
	}
	return n, nil
}

// batchReader is a multipart body that opens one file at a time. A file that has not the size it was said to have is an error.
type batchReader struct {
	f     framing
	batch []Upload
	next  int
	text  string // header or end still to be given
	file  io.ReadCloser
	left  int64
	done  bool
}

func (b *batchReader) Read(p []byte) (int, error) {
	for {
		switch {
		case b.text != "":
			n := copy(p, b.text)
			b.text = b.text[n:]
			return n, nil
		case b.file != nil && b.left > 0:
			n, err := b.file.Read(p[:min(int64(len(p)), b.left)])
			b.left -= int64(n)
			if err == io.EOF && b.left > 0 {
				return n, fault.New(fault.Input, "a file became shorter while it was sent")
			}
			if err == io.EOF {
				err = nil
			}
			if n > 0 || err != nil {
				return n, err
			}
		case b.file != nil:
			if err := b.file.Close(); err != nil {
				return 0, fault.New(fault.Input, "closing a file that was sent: %w", err)
			}
			b.file = nil
		case b.next < len(b.batch):
			u := b.batch[b.next]
			f, err := u.Open()
			if err != nil {
				if _, ok := errors.AsType[*fault.Error](err); !ok {
					err = fault.New(fault.Input, "opening a file to send: %w", err)
				}
				return 0, err
			}
			b.file, b.left = f, u.Size
			b.text = b.f.head(b.next == 0, typeDICOM)
			b.next++
		case !b.done:
			b.done, b.text = true, b.f.end()
		default:
			return 0, io.EOF
		}
	}
}

func (b *batchReader) Close() error {
	if b.file != nil {
		f := b.file
		b.file = nil
		return f.Close()
	}
	return nil
}
