package deid

import (
	"strings"
	"sync"

	"github.com/cineloop/cineloop/dicom/tag"
)

// definedTerm reports whether w, folded, is one of the code words that IODs define and devices add: kept in code strings even where a patient is
// called so.
func definedTerm(w string) bool { return codeWords()[w] }

var codeWords = sync.OnceValue(func() map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(codeTerms) {
		m[w] = true
	}
	return m
})

// cleanCode is a code string as it may stay: code strings hold capitals, digits, blanks and underscores, and their words are short or known.
func (pr *Profile) cleanCode(k *Key, id *identity, s string) string {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c >= 0x7F || c < ' ' {
			return ""
		}
	}
	if len(s) > 16 && !strings.Contains(s, "_") && !strings.Contains(s, " ") {
		return ""
	}
	out := pr.cleanText(k, id, s, coded1)
	if out != s {
		return ""
	}
	return s
}

// openCode are code strings whose terms makers of devices invent; of all others the words are known.
var openCode = tagSet(tag.ImageType, 0x00089007, tag.ScanOptions, tag.ScanningSequence, tag.SequenceVariant, 0x00280051)

// strange reports whether a code string has a word that neither the standard nor the vocabulary has: somebody wrote it there.
func (pr *Profile) strange(t tag.Tag, s string) bool {
	if openCode[t] {
		return false
	}
	for _, w := range wordsOf(fold(s).text) {
		for _, run := range strings.FieldsFunc(w, func(r rune) bool { return r < 'a' || r > 'z' }) {
			if len(run) >= 4 && !definedTerm(run) && !definedTerm(w) && !pr.cleaner.has(run) && !(anatomy[t] && pr.compound(run)) {
				return true
			}
		}
	}
	return false
}

// anatomy are code strings of parts of the body, whose words people join.
var anatomy = tagSet(tag.BodyPartExamined, 0x00185101, 0x00200020)

// compound reports whether a word is two or three known ones: LOWERLEG.
func (pr *Profile) compound(w string) bool {
	for i := 3; i+3 <= len(w); i++ {
		if (definedTerm(w[:i]) || pr.cleaner.has(w[:i])) && (definedTerm(w[i:]) || pr.cleaner.has(w[i:])) {
			return true
		}
	}
	return false
}

// knownCompound is compound without a policy's own words: HEADNECK is nobody's name where it stands in an identifier.
func knownCompound(w string) bool {
	known := func(s string) bool { return definedTerm(s) || standardWords()[s] }
	for i := 3; i+3 <= len(w); i++ {
		if known(w[:i]) && known(w[i:]) {
			return true
		}
	}
	return false
}

// codeTerms are defined terms that the vocabulary of concepts lacks.
const codeTerms = `
original derived primary secondary axial localizer mosaic projection image screensave reformatted average min max mean none mixed other unknown yes no none partial full linear exact approximate
ct mr us nm pt cr dx mg xa rf ot sc sr ko pr seg rtstruct rtdose rtplan rtimage reg au ecg eps hd io ivus ivoct px es gm xc op opt opv oct smr srf texturemap iol lp ls mm oam oss pla ptg resp respecg rtrecord
rwv stain tg vf m f o u r l a p h fp hfs hfp ffs ffp hfdr hfdl ffdr ffdl dv ph lq ll lr rl head feet first prone supine decubitus left right nd norm normalized dis2d dis3d fm3 fil mfsplit se gr ep rm ss sp sk osp mtc trss
mp rg fs pfp pff ph rc cg pp pts radial spiral segmented interleaved single fast pulse continuous constant helical stationed free sequenced monochrome1 monochrome2 rgb palette color ybr full 422 ict rct argb hsv cmyk
sitk m_ffe m_se m_ir p_ffe r_ffe i_ffe ffe phase magnitude real imaginary complex adc fa tracew trace diffusion perfusion fmri map t1 t2 pd wholebody clin dyn subtraction mip minip mpr curved volume rendered surface resampled
cine still stress rest gated dynamic static tomo recon planar wholebody tomographic emission transmission attenuation corrected uncorrected decy rad norm attn ran scat dtim start admin bqml cnts gml cm2ml propcnts pcnt
mgml dose doseinfo overlay identity signal loudness isophote sigmoid hu us od percent lung brain bone abdomen chest heart breast neck pelvis hip knee ankle foot hand wrist elbow shoulder skull cspine tspine lspine sspine spine leg arm
extremity jaw finger toe thigh calf eye ear nose throat liver kidney spleen pancreas bladder prostate uterus aorta carotid coronary whole body wb head headneck chestabdomen abdomenpelvis chestabdpelvis
ap pa lat ll rl mlo cc ml lmo lm xccl xccm flexion mammo tomosynthesis presentation processing finalized verified unverified complete preliminary final contains has obs obs context acq modifier properties inferred from selected
text num code datetime date time uidref pname scoord scoord3d tcoord composite image waveform container table separate point multipoint polyline polygon circle ellipse ellipsoid segment multisegment begin end
patient study series item equip frame doc individual pixel display relative absolute arterial venous portal delayed radiographic fluoro photospot digital film anode target molybdenum rhodium tungsten silver aluminum copper lead
round rectangular hexagonal circular square uniform nonuniform bipolar unipolar reversed forward up down in out normal inverse positive negative reference unpaired paired lossless lossy iso_10918_1 iso_14495_1 iso_15444_1 iso
linked scheduled performed started completed discontinued progress removed unmodified modified yesno binary fractional probability occupancy automatic semiautomatic manual algorithm
closed planar open nonplanar gtv ptv ctv organ avoidance external bolus isocenter marker control cavity contrast agent irrad volume treated support fixation device registration registered physical effective gy beam plan fraction
photon electron neutron proton ion dynamic static setup treatment verification open_field port machine wedge standard hard soft motorized mlcx mlcy asymx asymy cone aligned asymmetric symmetric block shielding
endorectal transducer linear sector sector_phased phased convex curved curvilinear endoscopic intravascular mechanical annular array cylindrical matrix volumetric
rvlv lvrv ed es systole diastole apex base anterior posterior superior inferior septal lateral
unapproved approved rejected portrait landscape dcal nrgy radl slsens dlyd elliptical scintillator stim riesz dcmr elec multicoil gems scanoscope b1rms borelocal monoch manu csaparallel mevislab parts iowa qiicr dcmqi xlut
abdomenpelvis acjoint adrenal anus apex arm artery asc_aorta axilla back biliaryduct bladder blase bpd bronchus buttock calcaneus callus calf carotid cerebellum cerebhemisphere cervix cheek chestabdomen chestabdpelvis choroidplexus
circlewillis clavicle coccyx colon corneal cornea coronaryartery ctspine tlspine lspine duodenum ear elbow esophagus eyelid face femoralartery femoralvein femur fibula frontalsinus gallbladder gluteal groin head headneck humerus ileum iliacartery
intjugularvein iliacvein innominateart jejunum lacrimalartery largebowel larynx latatrium latventricle lumbarartery lumen mandible mastoid maxilla mediastinum mesentricartery metacarpus metatarsus nostril occptialartery optic_canal orbit
palm panuccalva parasternal parotid patella penis perineum phantom pharynx pinna placenta poplitealartery popliteralfossa profundafemoris pulmonaryartery radius ratrium rventricle rib renalartery retroperitonm saphenousvein scalp scapula sclera
scrotum sella semvesicle sijoint smallbowel spinalcord splenicartery sternum stjoint stomach subclavianvein supclavfossa superiorthyart supvenacava svc symphysis tail talus testis thalamus thymus thyroid tibia tmjoint tongue trachea
umbilicalart umbilicalvein ureter urethra uppergitract upperlimb lowerlimb upperleg lowerleg upperarm forearm vagina vertebra vulva wholebody zygoma iac tspine sspine hws bws lws knie schaedel huefte becken thorax abdomen extremities unspecified
coupled uncoupled iterative filtered back projection backprojection homogeneous anatomical acquired synthetic native enhanced enforced interpolated replicated cropped inverse identical nonlinear rigid affine deformable surface mesh manifold
bidirectional orthogonal tangential longitudinal circumferential horizontal vertical clockwise counterclockwise synchronized triggered cardiac respiratory prospective retrospective paired retro realtime belt nasal prong bellows magnet
invert lut slope rescale constrained unconstrained selected rejected added deleted replaced signature authorization encrypted attributes coerced corrected coerce deid anonymized longitudinal temporal information
`
