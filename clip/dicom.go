package clip

func openDICOM(file string, cfg *readConfig) (*Clip, error) {
	return nil, inputf("DICOM files cannot be read by this version")
}

func openDICOMSeries(files []string, series string, cfg *readConfig) (*Clip, error) {
	return nil, inputf("DICOM files cannot be read by this version")
}
