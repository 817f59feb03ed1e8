package dimse

import (
	"slices"
	"strings"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/uid"
)

// The transfer syntaxes of storage, in four groups; within a group by preference.
var (
	nativeSyntaxes   = []dicom.TransferSyntax{uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian, uid.DeflatedExplicitVRLittleEndian, uid.ExplicitVRBigEndian}
	losslessSyntaxes = []dicom.TransferSyntax{uid.JPEGLosslessSV1, uid.JPEGLSLossless, uid.JPEG2000Lossless, uid.HTJ2KLossless, uid.HTJ2KLosslessRPCL,
		uid.RLELossless, uid.JPEGLossless, uid.JPEGXLLossless, uid.JPEG2000MCLossless, uid.EncapsulatedUncompressedExplicitVRLittleEndian,
		uid.DeflatedImageFrameCompression}
	lossySyntaxes = []dicom.TransferSyntax{uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit, uid.JPEG2000, uid.HTJ2K, uid.JPEGLSNearLossless, uid.JPEGXL,
		uid.JPEGXLJPEGRecompression, uid.JPEG2000MC, uid.JPEGSpectralSelectionNonHierarchical68, uid.JPEGFullProgressionNonHierarchical1012}
	videoSyntaxes = []dicom.TransferSyntax{uid.MPEG4HP41, uid.MPEG4HP41BD, uid.MPEG4HP422D, uid.MPEG4HP423D, uid.MPEG2MPML, uid.MPEG2MPHL,
		uid.HEVCMP51, uid.HEVCM10P51, uid.MPEG4HP42STEREO}
)

// pick chooses the transfer syntax of a storage context, from those that are proposed: explicit little endian or a lossless syntax, whichever the
// peer names first; then implicit; then lossy and video, which an object has already where a peer proposes nothing else; big endian last.
// So a peer that would compress for this association alone keeps its pixels.
func pick(proposed []string) (dicom.TransferSyntax, bool) {
	groups := []func(dicom.TransferSyntax) bool{
		func(t dicom.TransferSyntax) bool {
			return t == uid.ExplicitVRLittleEndian || t.IsDeflated() || slices.Contains(losslessSyntaxes, t)
		},
		func(t dicom.TransferSyntax) bool { return t == uid.ImplicitVRLittleEndian },
		func(t dicom.TransferSyntax) bool {
			return slices.Contains(lossySyntaxes, t) || slices.Contains(videoSyntaxes, t) || t.IsEncapsulated() && t.Known()
		},
		func(t dicom.TransferSyntax) bool { return t == uid.ExplicitVRBigEndian },
	}
	for _, fits := range groups {
		for _, p := range proposed {
			if t := dicom.TransferSyntax(p); fits(t) {
				return t, true
			}
		}
	}
	return "", false
}

// pickNative chooses the transfer syntax of a context that carries no pixels.
func pickNative(proposed []string) (dicom.TransferSyntax, bool) {
	for _, t := range nativeSyntaxes {
		if slices.Contains(proposed, string(t)) {
			return t, true
		}
	}
	return "", false
}

// IsStorage reports whether a registered SOP class is one of the storage service (PS3.4 annex B.5, and those retired).
func IsStorage(class string) bool {
	in, ok := uid.Lookup(class)
	return ok && in.Type == "SOP Class" && strings.Contains(in.Name, "Storage") && !strings.Contains(in.Name, "Commitment") &&
		class != uid.MediaStorageDirectoryStorage && class != uid.StoredPrintStorage
}

// common are the SOP classes that most objects of a hospital belong to.
var common = []string{
	uid.UltrasoundMultiFrameImageStorage, uid.UltrasoundImageStorage, uid.CTImageStorage, uid.MRImageStorage, uid.XRayAngiographicImageStorage,
	uid.SecondaryCaptureImageStorage, uid.ComputedRadiographyImageStorage, uid.DigitalXRayImageStorageForPresentation,
	uid.DigitalMammographyXRayImageStorageForPresentation, uid.EnhancedCTImageStorage, uid.EnhancedMRImageStorage,
	uid.MultiFrameTrueColorSecondaryCaptureImageStorage, uid.XRayRadiofluoroscopicImageStorage, uid.VLPhotographicImageStorage,
	uid.VideoEndoscopicImageStorage,
}

// others are storage classes beside the common ones, so that C-GET can ask for most of what there is within 128 contexts.
func others() []string {
	return []string{
		uid.PositronEmissionTomographyImageStorage, uid.NuclearMedicineImageStorage, uid.GrayscaleSoftcopyPresentationStateStorage,
		uid.KeyObjectSelectionDocumentStorage, uid.BasicTextSRStorage, uid.EnhancedSRStorage, uid.ComprehensiveSRStorage, uid.Comprehensive3DSRStorage,
		uid.SimplifiedAdultEchoSRStorage, uid.XRayRadiationDoseSRStorage, uid.MammographyCADSRStorage, uid.ChestCADSRStorage, uid.EncapsulatedPDFStorage,
		uid.EncapsulatedCDAStorage, uid.SegmentationStorage, uid.SurfaceSegmentationStorage, uid.ParametricMapStorage, uid.RTImageStorage, uid.RTDoseStorage,
		uid.RTStructureSetStorage, uid.RTPlanStorage, uid.RTBeamsTreatmentRecordStorage, uid.RTIonPlanStorage, uid.TwelveLeadECGWaveformStorage,
		uid.GeneralECGWaveformStorage, uid.AmbulatoryECGWaveformStorage, uid.HemodynamicWaveformStorage, uid.CardiacElectrophysiologyWaveformStorage,
		uid.EnhancedUSVolumeStorage, uid.EnhancedXAImageStorage, uid.EnhancedXRFImageStorage, uid.XRay3DAngiographicImageStorage,
		uid.BreastTomosynthesisImageStorage, uid.EnhancedPETImageStorage, uid.RawDataStorage, uid.SpatialRegistrationStorage, uid.SpatialFiducialsStorage,
		uid.DeformableSpatialRegistrationStorage, uid.RealWorldValueMappingStorage, uid.MRSpectroscopyStorage, uid.ColorSoftcopyPresentationStateStorage,
		uid.DigitalXRayImageStorageForProcessing, uid.DigitalMammographyXRayImageStorageForProcessing, uid.MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
		uid.MultiFrameGrayscaleWordSecondaryCaptureImageStorage, uid.MultiFrameSingleBitSecondaryCaptureImageStorage, uid.VLEndoscopicImageStorage,
		uid.VLMicroscopicImageStorage, uid.VideoMicroscopicImageStorage, uid.VideoPhotographicImageStorage, uid.VLWholeSlideMicroscopyImageStorage,
		uid.OphthalmicPhotography8BitImageStorage, uid.OphthalmicTomographyImageStorage, uid.IntravascularOpticalCoherenceTomographyImageStorageForPresentation,
		uid.UltrasoundMultiFrameImageStorageRetired, uid.UltrasoundImageStorageRetired, uid.NuclearMedicineImageStorageRetired,
	}
}
