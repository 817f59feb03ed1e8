package web

import (
	"context"
	"encoding/json"
	"io"
	"iter"
	"net/http"
	"strconv"
	"strings"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
)

// Search asks for what matches q, page after page, until q.Limit (0: everything). The last pair carries the error, if any.
func (c *Client) Search(ctx context.Context, q Query) iter.Seq2[*dicom.DataSet, error] {
	return func(yield func(*dicom.DataSet, error) bool) {
		if q.Limit < 0 {
			return
		}
		page, left := q, q.Limit
		previous := ""
		for {
			page.Limit = c.opts.PageSize
			if left > 0 {
				page.Limit = min(page.Limit, left)
			}
			n, first := 0, ""
			more, err := c.page(ctx, page, func(ds *dicom.DataSet) bool {
				if n == 0 {
					first = identity(ds)
				}
				n++
				if n == 1 && first != "" && first == previous {
					return false // a server that knows no offset gives its first page again
				}
				if left > 0 && n > left {
					return false
				}
				return yield(ds, nil)
			})
			switch {
			case err == errStop && first != "" && first == previous && n == 1:
				yield(nil, c.wrongAnswer("the server gives the same page again: it does not know the offset parameter"))
				return
			case err == errStop:
				return
			case err != nil:
				yield(nil, err)
				return
			case n == 0 || n > page.Limit || n < page.Limit && !more:
				return
			}
			if left > 0 {
				if left -= n; left <= 0 {
					return
				}
			}
			previous = first
			page.Offset += n
		}
	}
}

// identity tells records apart.
func identity(ds *dicom.DataSet) string {
	return ds.String(tag.StudyInstanceUID) + "/" + ds.String(tag.SeriesInstanceUID) + "/" + ds.String(tag.SOPInstanceUID)
}

type stopError struct{}

func (stopError) Error() string { return "stopped" }

var errStop error = stopError{}

// page asks once. more says that the server has further results by its own words (Warning 299, PS3.18 section 8.3.4.4.2).
func (c *Client) page(ctx context.Context, q Query, each func(*dicom.DataSet) bool) (more bool, err error) {
	path := q.path()
	if v := q.Values().Encode(); v != "" {
		path += "?" + v
	}
	resp, err := c.do(ctx, request{method: http.MethodGet, path: path, header: http.Header{"Accept": {typeJSON}}})
	if err != nil {
		return false, err
	}
	defer resp.Body.Close()
	for _, w := range resp.Header.Values("Warning") {
		more = more || strings.Contains(w, "additional results") || strings.Contains(w, "esults are more")
	}
	if resp.StatusCode == http.StatusNoContent {
		return false, nil
	}
	return more, c.decodeArray(resp.Body, each)
}

// maxRecord is how many bytes of JSON one record may have.
const maxRecord = 64 << 20

// decodeArray reads a JSON array of data sets one by one. each returns false to stop, which gives errStop.
func (c *Client) decodeArray(r io.Reader, each func(*dicom.DataSet) bool) error {
	dec := json.NewDecoder(r)
	t, err := dec.Token()
	if err == io.EOF {
		return nil // an empty body is an empty answer
	}
	if err != nil || t != json.Delim('[') {
		return c.wrongAnswer("the answer is no DICOM JSON array")
	}
	for dec.More() {
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return c.wrongAnswer("the answer breaks off")
		}
		if len(raw) > maxRecord {
			return c.wrongAnswer("a record is larger than %d MiB", maxRecord>>20)
		}
		ds, err := dicom.ParseJSON(raw, nil)
		if ds == nil { // with a data set the error is of single values that their VRs don't allow, which other servers let pass
			return c.wrongAnswer("%w", err)
		}
		if !each(ds) {
			return errStop
		}
	}
	if _, err := dec.Token(); err != nil {
		return c.wrongAnswer("the answer breaks off")
	}
	return nil
}

// Count is how many instances a study or series has by the server's own record, -1 where it doesn't say.
func (c *Client) Count(ctx context.Context, r Resource) (int, error) {
	q := Query{Level: Studies, Limit: 1}
	key, want := tag.StudyInstanceUID, tag.NumberOfStudyRelatedInstances
	value := r.Study
	if r.Series != "" {
		q.Level, q.Within = Series, Resource{Study: r.Study}
		key, want, value = tag.SeriesInstanceUID, tag.NumberOfSeriesRelatedInstances, r.Series
	}
	q.Match = []Match{{Attribute: Attribute{key}, Value: value}}
	q.Include = []Attribute{{want}}
	for ds, err := range c.Search(ctx, q) {
		if err != nil {
			return 0, err
		}
		if n, err := strconv.Atoi(strings.TrimSpace(ds.String(want))); err == nil {
			return n, nil
		}
	}
	return -1, nil
}

// Metadata gives the data sets of every instance of r without bulk data (PS3.18 section 10.4.1.1.2).
func (c *Client) Metadata(ctx context.Context, r Resource) iter.Seq2[*dicom.DataSet, error] {
	return func(yield func(*dicom.DataSet, error) bool) {
		if err := r.Check(); err != nil {
			yield(nil, err)
			return
		}
		resp, err := c.do(ctx, request{method: http.MethodGet, path: r.Path() + "/metadata", header: http.Header{"Accept": {typeJSON}}})
		if err != nil {
			yield(nil, err)
			return
		}
		defer resp.Body.Close()
		err = c.decodeArray(resp.Body, func(ds *dicom.DataSet) bool { return yield(ds, nil) })
		if err != nil && err != errStop {
			yield(nil, err)
		}
	}
}
