package deid

import "github.com/cineloop/cineloop/dicom/tag"

//go:generate go run ./internal/gen

// Edition is the edition of PS3.15 whose tables are built in.
const Edition = "2026c"

// profileRow is a row of Table E.1-1: the Basic Profile's action and those of the options, a letter for the option and one for the action.
type profileRow struct {
	tag, mask       uint32
	basic, options  string
	keyword, source string
}

// safePrivateRow is a row of Table E.3.10-1: a private element that is safe to keep.
type safePrivateRow struct {
	creator string
	group   uint16
	low     uint8 // element within the block
	vr      string
	meaning string
}

// contentRow is a row of Table E.3.4-1: a structured report's content item by concept and value type.
type contentRow struct {
	scheme, code, valueType, retired string
	basic, options                   string
	meaning                          string
}

// gaps are rows that Table E.1-1 lacks, with the reason. They are marked as such in explanations and never weaken a row of the standard.
var gaps = [...]profileRow{
	// The birth and death dates in another calendar are text, so no rule for dates sees them.
	{0x00100033, 0xFFFFFFFF, "X", "", "PatientBirthDateInAlternativeCalendar", "gap"},
	{0x00100034, 0xFFFFFFFF, "X", "", "PatientDeathDateInAlternativeCalendar", "gap"},
	{0x00100035, 0xFFFFFFFF, "X", "", "PatientAlternativeCalendar", "gap"},
	// The meta header is written anew; these rows say so.
	{0x00020016, 0xFFFFFFFF, "X", "", "SourceApplicationEntityTitle", "gap"},
	{0x00020017, 0xFFFFFFFF, "X", "", "SendingApplicationEntityTitle", "gap"},
	{0x00020018, 0xFFFFFFFF, "X", "", "ReceivingApplicationEntityTitle", "gap"},
	{0x00020026, 0xFFFFFFFF, "X", "", "SourcePresentationAddress", "gap"},
	{0x00020027, 0xFFFFFFFF, "X", "", "SendingPresentationAddress", "gap"},
	{0x00020028, 0xFFFFFFFF, "X", "", "ReceivingPresentationAddress", "gap"},
	{0x00020100, 0xFFFFFFFF, "X", "", "PrivateInformationCreatorUID", "gap"},
	{0x00020102, 0xFFFFFFFF, "X", "", "PrivateInformation", "gap"},
	// Addresses name hosts, and often patients and studies.
	{0x0008010E, 0xFFFFFFFF, "X", "", "CodingSchemeURL", "gap"},
	{0x00080407, 0xFFFFFFFF, "X", "", "StoredInstanceBaseURI", "gap"},
	{0x00080408, 0xFFFFFFFF, "X", "", "FolderAccessURI", "gap"},
	{0x00080409, 0xFFFFFFFF, "X", "", "FileAccessURI", "gap"},
	{0x0008040B, 0xFFFFFFFF, "X", "", "FilenameInContainer", "gap"},
	{0x00081190, 0xFFFFFFFF, "X", "", "RetrieveURL", "gap"},
	{0x00181803, 0xFFFFFFFF, "X", "", "NTPSourceAddress", "gap"},
	{0x00287FE0, 0xFFFFFFFF, "X", "", "PixelDataProviderURL", "gap"},
	{0x00404073, 0xFFFFFFFF, "X", "", "StorageURL", "gap"},
	{0x0040E010, 0xFFFFFFFF, "X", "", "RetrieveURI", "gap"},
	{0x0040A992, 0xFFFFFFFF, "X", "", "UniformResourceLocatorTrial", "gap"},
	{0x0074100A, 0xFFFFFFFF, "X", "", "ContactURI", "gap"},
	// Who issued an identifier names the institution.
	{0x00080051, 0xFFFFFFFF, "X", "", "IssuerOfAccessionNumberSequence", "gap"},
	{0x00100024, 0xFFFFFFFF, "X", "", "IssuerOfPatientIDQualifiersSequence", "gap"},
	{0x00400031, 0xFFFFFFFF, "X", "", "LocalNamespaceEntityID", "gap"},
	{0x00400032, 0xFFFFFFFF, "X", "", "UniversalEntityID", "gap"},
	{0x00400026, 0xFFFFFFFF, "X", "", "OrderPlacerIdentifierSequence", "gap"},
	{0x00400027, 0xFFFFFFFF, "X", "", "OrderFillerIdentifierSequence", "gap"},
	{0x00400036, 0xFFFFFFFF, "X", "", "AssigningFacilitySequence", "gap"},
	{0x00400039, 0xFFFFFFFF, "X", "", "AssigningJurisdictionCodeSequence", "gap"},
	{0x0040003A, 0xFFFFFFFF, "X", "", "AssigningAgencyOrDepartmentCodeSequence", "gap"},
	{0x0040E001, 0xFFFFFFFF, "X", "", "HL7InstanceIdentifier", "gap"},
	{0x0040E011, 0xFFFFFFFF, "X", "", "RetrieveLocationUID", "gap"},
	{0x0040E030, 0xFFFFFFFF, "X", "", "RepositoryUniqueID", "gap"},
	{0x0040E031, 0xFFFFFFFF, "X", "", "HomeCommunityID", "gap"},
	// Identifiers of things and people.
	{0x00181003, 0xFFFFFFFF, "X", "DK", "DeviceID", "gap"},
	{0x00102295, 0xFFFFFFFF, "X", "", "BreedRegistrationNumber", "gap"},
	{0x00102298, 0xFFFFFFFF, "X", "", "ResponsiblePersonRole", "gap"},
	{0x00100026, 0xFFFFFFFF, "X", "", "SourcePatientGroupIdentificationSequence", "gap"},
	{0x00100027, 0xFFFFFFFF, "X", "", "GroupOfPatientsIdentificationSequence", "gap"},
	{0x0008041B, 0xFFFFFFFF, "X", "", "RecordKey", "gap"},
	{0x0008041C, 0xFFFFFFFF, "X", "", "PriorRecordKey", "gap"},
	{0x0040A074, 0xFFFFFFFF, "X", "", "ObjectBinaryIdentifierTrial", "gap"},
	{0x0040A089, 0xFFFFFFFF, "X", "", "ObjectDirectoryBinaryIdentifierTrial", "gap"},
	{0x00440012, 0xFFFFFFFF, "X", "", "SubstanceAdministrationDeviceID", "gap"},
	{0x00880130, 0xFFFFFFFF, "X", "", "StorageMediaFileSetID", "gap"},
	{0x21000160, 0xFFFFFFFF, "X", "", "OwnerID", "gap"},
	{0x21100030, 0xFFFFFFFF, "X", "", "PrinterName", "gap"},
	{0x0074100C, 0xFFFFFFFF, "X", "", "ContactDisplayName", "gap"},
	{0x40101051, 0xFFFFFFFF, "X", "", "ItineraryID", "gap"},
	{0x4010101A, 0xFFFFFFFF, "X", "", "BoardingPassID", "gap"},
	// Comments that other rows' kin are removed for.
	{0x00400400, 0xFFFFFFFF, "X", "TC", "CommentsOnTheScheduledProcedureStep", "gap"},
	{0x01000424, 0xFFFFFFFF, "X", "", "SOPAuthorizationComment", "gap"},
	// Encrypted and signed copies of what the profile takes out.
	{0x04000500, 0xFFFFFFFF, "X", "", "EncryptedAttributesSequence", "gap"},
	{0x04000520, 0xFFFFFFFF, "X", "", "EncryptedContent", "gap"},
	{0x04000120, 0xFFFFFFFF, "X", "", "Signature", "gap"},
	{0x04000020, 0xFFFFFFFF, "X", "", "DataElementsSigned", "gap"},
	{0x4FFE0001, 0xFFFFFFFF, "X", "", "MACParametersSequence", "gap"},
	// Overlays without their group's data, and audio.
	{0x60000022, 0xFF00FFFF, "X", "GC", "OverlayDescription", "gap"},
	{0x60001500, 0xFF00FFFF, "X", "GC", "OverlayLabel", "gap"},
	// Unique identifiers that the table omits, and all of which other objects may point to.
	{0x00041432, 0xFFFFFFFF, "U", "UK", "PrivateRecordUID", "gap"},
	{0x00081167, 0xFFFFFFFF, "U", "UK", "MultiFrameSourceSOPInstanceUID", "gap"},
	{0x00083012, 0xFFFFFFFF, "U", "UK", "RadiopharmaceuticalAdministrationEventUID", "gap"},
	{0x0018991E, 0xFFFFFFFF, "U", "UK", "TargetFrameOfReferenceUID", "gap"},
	{0x00200242, 0xFFFFFFFF, "U", "UK", "SOPInstanceUIDOfConcatenationSource", "gap"},
	{0x00209312, 0xFFFFFFFF, "U", "UK", "VolumeFrameOfReferenceUID", "gap"},
	{0x00209313, 0xFFFFFFFF, "U", "UK", "TableFrameOfReferenceUID", "gap"},
	{0x00280304, 0xFFFFFFFF, "U", "UK", "ReferencedColorPaletteInstanceUID", "gap"},
	{0x0040A021, 0xFFFFFFFF, "U", "UK", "FindingsGroupUIDTrial", "gap"},
	{0x0040A022, 0xFFFFFFFF, "U", "UK", "ReferencedFindingsGroupUIDTrial", "gap"},
	{0x00440102, 0xFFFFFFFF, "U", "UK", "AssertionUID", "gap"},
	{0x00440108, 0xFFFFFFFF, "U", "UK", "ReferencedAssertionUID", "gap"},
	{0x0070031B, 0xFFFFFFFF, "U", "UK", "ReferencedFiducialUID", "gap"},
	{0x00701209, 0xFFFFFFFF, "U", "UK", "VolumetricPresentationInputSetUID", "gap"},
	{0x300A0675, 0xFFFFFFFF, "U", "UK", "EquipmentFrameOfReferenceUID", "gap"},
}

// ListedTags are the tags of Table E.1-1 that name one attribute.
func ListedTags() []tag.Tag {
	out := make([]tag.Tag, 0, len(profileTable))
	for i := range profileTable {
		if profileTable[i].mask == 0xFFFFFFFF {
			out = append(out, tag.Tag(profileTable[i].tag))
		}
	}
	return out
}

// ContentConcepts are the scheme, code and value type of each row of Table E.3.4-1.
func ContentConcepts() [][3]string {
	out := make([][3]string, 0, len(contentTable))
	for i := range contentTable {
		out = append(out, [3]string{contentTable[i].scheme, contentTable[i].code, contentTable[i].valueType})
	}
	return out
}
