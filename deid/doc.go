// Package deid turns DICOM that names patients into DICOM for research.
package deid
