package web

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/internal/fault"
)

const (
	maxMetadata = 64 << 20 // bytes of JSON in a store request
	maxBulk     = 1 << 30  // bytes of bulk data of one instance, which are put together in memory
)

// bulkPart is a part of bulk data in the spool.
type bulkPart struct {
	at, n  int64
	kind   string
	syntax dicom.TransferSyntax
}

// readJSON takes in metadata and bulk data (PS3.18 section 10.5.2: metadata first, then the bulk data that they refer to by location)
// and makes files of them.
func (b *batch) readJSON(parts *relatedReader) error {
	var metadata []json.RawMessage
	size := 0
	bulk := map[string][]bulkPart{}
	sp := &spool{dir: b.s.opts.TempDir}
	defer sp.Close()
	for n := 0; ; n++ {
		p, err := parts.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if n == maxStored {
			return &statusError{http.StatusRequestEntityTooLarge, fault.New(fault.Resource, "more than %d parts in one request", maxStored)}
		}
		if p.Is(typeJSON) || p.Is("application/json") {
			raw, err := io.ReadAll(io.LimitReader(p, int64(maxMetadata-size)+1))
			if err != nil {
				return fault.New(fault.Input, "the message breaks off: %w", err)
			}
			if size += len(raw); size > maxMetadata {
				return &statusError{http.StatusRequestEntityTooLarge, fault.New(fault.Resource, "the metadata have more than %d bytes", maxMetadata)}
			}
			list, err := dataSets(raw)
			if err != nil {
				return err
			}
			metadata = append(metadata, list...)
			continue
		}
		at := sp.n
		m, _ := parseMediaType(p.ContentType)
		if _, err := io.Copy(sp, p); err != nil {
			if fault.CodeOf(err) == fault.Resource {
				return err
			}
			return fault.New(fault.Input, "the message breaks off: %w", err)
		}
		key := locationKey(p.ContentLocation)
		bulk[key] = append(bulk[key], bulkPart{at, sp.n - at, m.Type, dicom.TransferSyntax(m.Syntax)})
	}
	for _, raw := range metadata {
		if err := b.compose(raw, bulk, sp); err != nil {
			return err
		}
	}
	return nil
}

// dataSets are the objects of a JSON array, or the one object that stands without.
func dataSets(raw []byte) ([]json.RawMessage, error) {
	var list []json.RawMessage
	err := json.Unmarshal(raw, &list)
	if err != nil {
		var one map[string]json.RawMessage
		if json.Unmarshal(raw, &one) == nil {
			return []json.RawMessage{raw}, nil
		}
		return nil, fault.New(fault.Input, "the metadata are no DICOM JSON")
	}
	return list, nil
}

// locationKey compares locations whether they are absolute or not.
func locationKey(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Opaque != "" {
		return s
	}
	return u.Path + "?" + u.RawQuery
}

// compose makes one file of metadata and bulk data and stores it. A data set that can't be is an outcome, not an error.
func (b *batch) compose(raw []byte, bulk map[string][]bulkPart, sp *spool) error {
	var used int64
	var pixels []bulkPart
	missing := false
	ds, err := dicom.ParseJSON(raw, func(uri string) ([]byte, error) {
		list, ok := bulk[locationKey(uri)]
		if !ok {
			missing = true
			return nil, fault.New(fault.Input, "a part that the metadata refer to is missing")
		}
		if list[0].kind != typeBytes && list[0].kind != "" { // compressed: one part a frame
			pixels = list
			return nil, nil
		}
		var out []byte
		for _, p := range list {
			if used += p.n; used > maxBulk {
				return nil, fault.New(fault.Resource, "an instance has more than %d bytes of bulk data", maxBulk)
			}
			at := len(out)
			out = slices.Grow(out, int(p.n))[:at+int(p.n)]
			if _, err := sp.ReadAt(out[at:], p.at); err != nil && err != io.EOF {
				return nil, err
			}
		}
		return out, nil
	})
	if err != nil {
		o := outcome{failure: FailureUnreadable, code: fault.Input}
		if used > maxBulk && !missing {
			o.failure = FailureOutOfResource
		}
		b.add(o)
		return nil
	}
	opt := dicom.WriteOptions{TransferSyntaxUID: syntaxOf(ds, pixels)}
	for _, p := range pixels {
		if used += p.n; used > maxBulk {
			b.add(outcome{failure: FailureOutOfResource, code: fault.Resource})
			return nil
		}
		frame := make([]byte, p.n)
		if _, err := sp.ReadAt(frame, p.at); err != nil && err != io.EOF {
			return err
		}
		opt.Frames = append(opt.Frames, frame)
	}
	pr, pw := io.Pipe()
	go func() { pw.CloseWithError(dicom.Write(pw, ds, opt)) }()
	err = b.take(pr)
	pr.Close()
	if err != nil { // what can't be written is this instance's fault, not the message's
		return nil
	}
	return nil
}

// syntaxOf is the transfer syntax to write a data set in: that of its compressed frames; otherwise what its own (0002,0010) or
// (0008,3002) say, as far as native pixel data can be in it.
func syntaxOf(ds *dicom.DataSet, pixels []bulkPart) string {
	said := ds.String(tag.TransferSyntaxUID)
	if said == "" {
		said = ds.String(tag.AvailableTransferSyntaxUID)
	}
	var group2 []tag.Tag
	for e := range ds.All() {
		if e.Tag.Group() == 2 {
			group2 = append(group2, e.Tag)
		}
	}
	ds.Delete(append(group2, tag.AvailableTransferSyntaxUID, tag.RetrieveURL)...)
	if len(pixels) > 0 {
		switch {
		case pixels[0].syntax != "":
			return string(pixels[0].syntax)
		case said != "":
			return said
		}
		return string(defaultSyntax[pixels[0].kind])
	}
	switch said {
	case uid.ImplicitVRLittleEndian, uid.ExplicitVRLittleEndian, uid.DeflatedExplicitVRLittleEndian:
		return said
	}
	return uid.ExplicitVRLittleEndian
}
