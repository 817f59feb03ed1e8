package catalog

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/cineloop/cineloop/dicom/match"
)

// Level is a level of the study root information model (PS3.4 C.6.2).
type Level int

// The levels, from the top.
const (
	Patient Level = iota
	Study
	Series
	Image
)

func (l Level) String() string { return [...]string{"patient", "study", "series", "instance"}[l] }

// levels says to which entity an attribute belongs (PS3.3 A.1, C.7.1–C.7.3); what is not named belongs to the instance.
var levels = map[string]Level{}

func init() {
	for level, names := range map[Level]string{
		Patient: `PatientName PatientID IssuerOfPatientID TypeOfPatientID PatientBirthDate PatientBirthTime PatientSex OtherPatientIDs
			OtherPatientNames EthnicGroup PatientComments PatientSpeciesDescription PatientBreedDescription QualityControlSubject
			PatientIdentityRemoved DeidentificationMethod ClinicalTrialSponsorName ClinicalTrialProtocolID ClinicalTrialSubjectID`,
		Study: `StudyInstanceUID StudyDate StudyTime AccessionNumber StudyID StudyDescription ReferringPhysicianName
			PatientAge PatientSize PatientWeight NameOfPhysiciansReadingStudy PhysiciansOfRecord AdmissionID Occupation
			AdditionalPatientHistory TimezoneOffsetFromUTC ClinicalTrialTimePointID`,
		Series: `SeriesInstanceUID Modality SeriesNumber SeriesDescription SeriesDate SeriesTime Laterality BodyPartExamined
			ProtocolName PatientPosition OperatorsName PerformingPhysicianName Manufacturer ManufacturerModelName InstitutionName
			InstitutionalDepartmentName StationName DeviceSerialNumber SoftwareVersions FrameOfReferenceUID
			PerformedProcedureStepStartDate PerformedProcedureStepStartTime PerformedProcedureStepID
			PerformedProcedureStepDescription PresentationIntentType`,
	} {
		for _, n := range strings.Fields(names) {
			levels[n] = level
		}
	}
}

// LevelOf is the entity that an attribute belongs to.
func LevelOf(keyword string) Level {
	if l, ok := levels[keyword]; ok {
		return l
	}
	return Image
}

// Keywords are the attributes that the catalog keeps for patient, study and series, in no order.
func Keywords() []string { return slices.Collect(maps.Keys(levels)) }

// split sorts attributes by the record that keeps them; patient attributes are kept with the study.
func split(attrs map[string]string) (study, series, instance map[string]string) {
	study, series, instance = map[string]string{}, map[string]string{}, map[string]string{}
	for k, v := range attrs {
		if v == "" {
			continue
		}
		switch LevelOf(k) {
		case Patient, Study:
			study[k] = v
		case Series:
			series[k] = v
		default:
			instance[k] = v
		}
	}
	return study, series, instance
}

// nameKey is a name as searches compare it (PS3.4 C.2.2.2.1.1 leaves case and accents to the implementation; QIDO-RS's fuzzy matching
// is built on the same key).
func nameKey(name string) string { return match.Fold(name) }

// number is an IS value (PS3.5 6.2) for sorting; what is none sorts last.
func number(s string) int64 {
	first, _, _ := strings.Cut(s, `\`)
	if n, err := strconv.ParseInt(strings.TrimSpace(first), 10, 32); err == nil {
		return n
	}
	return 1 << 40
}
