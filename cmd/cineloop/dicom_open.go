package main

import (
	"context"
	"net/http"
	"strings"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/ranged"
)

// openDicom opens a file, or an object on a web server of which it reads the parts it needs.
func openDicom(ctx context.Context, path string) (*dicom.File, error) {
	if !strings.HasPrefix(path, "http://") && !strings.HasPrefix(path, "https://") {
		return dicom.Open(path)
	}
	r, err := ranged.Open(ctx, nil, path, http.Header{"Accept": {"application/dicom, application/octet-stream, */*"}})
	if err != nil {
		return nil, err
	}
	return dicom.Read(r, r.Size(), dicom.TrustOffsets())
}
