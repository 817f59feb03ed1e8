package deid

import (
	"strings"
	"sync"
)

// vocabularySet are the words that free text may keep. It is built once a policy.
type vocabularySet struct {
	extra map[string]bool // the site's own
}

var standardWords = sync.OnceValue(func() map[string]bool {
	m := make(map[string]bool, 12000)
	for w := range strings.FieldsSeq(vocabulary) {
		m[w] = true
	}
	for w := range strings.FieldsSeq(personNames) {
		delete(m, w)
	}
	for w := range strings.FieldsSeq(placeNames) {
		delete(m, w)
	}
	for w := range strings.FieldsSeq(protocolWords) {
		m[w] = true
	}
	return m
})

func newVocabulary(extra []string) *vocabularySet {
	v := &vocabularySet{extra: map[string]bool{}}
	for _, line := range extra {
		for _, w := range wordsOf(fold(line).text) {
			v.extra[w] = true
		}
	}
	return v
}

func (v *vocabularySet) has(w string) bool { return standardWords()[w] || v.extra[w] }

// isName reports whether w is in the list of people's names: such a word is no technical term, whatever stands around it.
var isName = sync.OnceValue(func() map[string]bool {
	m := map[string]bool{}
	keep := standardWords()
	for w := range strings.FieldsSeq(personNames) {
		if !keep[w] {
			m[w] = true
		}
	}
	return m
})

// protocolWords are what descriptions of series and protocols are made of, beyond the standard's concepts: abbreviations of sequences, planes, organs,
// phases, views and products. Words that people are called too stand here where imaging needs them (axis long, matter white, head).
const protocolWords = `
ax axial axl axi tra trans transverse transversal sag sagittal sagital cor coronal obl oblique ap pa lat lateral lpo rpo lao rao cc mlo ml lm xcc mip minip mpr mprs mpvr vr vrt ssd dyn dynamic
iso isotropic vol volume thin thick slab recon reconstruction reformat reformats ref scout topo topogram topograms localizer localiser loc surview survey calib calibration test phantom qa qc
t1 t2 t1w t2w t1wi t2wi pd pdw t2star swi swan gre fgre fspgr spgr tse fse ssfse haste space mprage mpr mp2rage vibe lava thrive flash tfl tfl3d tfl2d fl2d fl3d fl ffe bffe tfe btfe fisp truefisp trufi trufisp
fiesta ssfp bssfp epi epi2d dwi dti adc trace tracew fa flair blade propeller stir tirm spair spir dixon ideal water fat fatsat fs nfs fatsup inphase outphase inopp opp ip op oop dess ciss medic merge
cube vista bold fmri rest resting task asl pcasl pasl perf perfusion dce dsc ktrans mtt cbf cbv tmax ttp rcbv rcbf mra mrv tof pc pca venc twist tricks trk caremra carebolus bolus tracking track
cine lge psir molli t1map t2map map mapping maps ir tir inversion recovery shmolli mocosa moco tagging tag grid sax lax 2ch 3ch 4ch 5ch 2c 3c 4c ch chamber stack short long axis lvot rvot lv rv la ra ivc svc
pve pre post contrast con gad gd gado gadolinium dotarem gadovist magnevist multihance primovist eovist omnipaque visipaque isovue ultravist iohexol iodixanol iopamidol iopromide iomeprol plain native nativ
unenhanced enhanced noncontrast wo w with without ce cect nect ncct ccta cta ctpa ctp ctv hrct ldct dect gsi art arterial ven venous portal delayed delay late early phase phases equilibrium nephro nephrographic
inspiration expiration insp exp inspir expir breath hold breathhold bh fb free breathing resp trig triggered gated gating nav navigated ecg retro prospective prosp sys syst systole systolic dia diast diastole diastolic
head brain skull neuro neck cspine tspine lspine spine cervical thoracic lumbar sacrum sacral coccyx whole body wb tap cap thorax chest abd abdo abdomen abdomino pelvis pelvic lung lungs liver kidney kidneys renal
spleen pancreas adrenal bladder prostate uterus ovary ovaries testis scrotum breast breasts mammo tomo tomosynthesis heart cardiac coronary coronaries aorta aortic carotid carotids vessel vessels hip hips knee knees ankle
foot feet hand hands wrist elbow shoulder shoulders humerus femur tibia fibula radius ulna clavicle rib ribs sternum pelvis orbit orbits orbita orbitae sinus sinuses sella pituitary iac iam petrous temporal mastoid tmj mandible
maxilla facial face sella cow circle willis stroke trauma polytrauma angio angiography runoff extremity extremities upper lower left right lt rt l r bilat bilateral both sides side ant anterior post posterior sup superior inf
inferior prox proximal dist distal med medial mid low high hi lo res resolution hr lr fov matrix slice slices mm cm sec ms kv kvp ma mas hu b b0 b50 b100 b200 b400 b500 b600 b800 b1000 b1500 b2000 tr te ti nex avg
soft tissue tissues bone bones lung standard std sharp smooth detail edge edgeplus boneplus chst parenchyma mediastinum window kernel filter fbp asir asirv mbir safire admire idose veo aidr dlir truefidelity iterative ir monoenergetic mono kev
iodine vnc virtual dual energy spectral mixed low dose ld hd helical spiral seq sequence sequential step shoot flash turbo fast ultrafast rapid abbreviated routine protocol prot standard general adult child children ped peds pediatric
paed paediatric infant neonate neo fetal foetal obstetric ob gyn first second third trimester screening screen followup follow up fu baseline initial prior current comparison compare repeat add additional extra special series serie study exam
examination scan image images img imaging view views proj projection frame frames clip clips loop loops still stills video capture screenshot screen save saved secondary derived original primary result results report summary dose
doseinfo structured key object note presentation state gsps seg segmentation mask label labels roi contour contours plan rtplan rtstruct rtdose rtimage struct set structure beam beams field fields iso isocenter ptv gtv ctv oar
echo tte tee toe stress rest dobutamine exercise apical plax psax a2c a3c a4c a5c ap2 ap3 ap4 subcostal suprasternal parasternal mitral tricuspid pulmonic pulmonary valve valves septum septal wall motion strain gls ef
lvef doppler color colour cf cw pw cwd pwd tdi mmode mode m 2d 3d 4d bmode b vti gradient peak mean velocity flow jet regurgitation stenosis effusion pericardial pleural thyroid parotid lymph node nodes axilla groin inguinal scrotal
transvaginal transabdominal tv ta doppler duplex venous dvt arterial bypass graft fistula biopsy guided guidance drainage needle puncture aspiration injection ablation rfa mwa cryo stent coil catheter port picc line lines tube tubes
portable mobile bedside erect supine prone decub decubitus standing sitting upright lying weight bearing flexion extension rotation internal external ulnar radial dorsal plantar axilla axillary sunrise skyline merchant tunnel open mouth odontoid
dens swimmers swimmer frog leg judet inlet outlet pet ct mr mri us cr dx xr dr mg nm pt spect xa rf sc ot io px es gm xc op opt oct hc pr ko sr au ecg eeg hd ivus fs ss rtimage
ac nac attn atten attenuation corrected uncorrected suv fdg psma dotatate florbetapir amyloid tau mibi thallium tc99m i123 i131 f18 ga68 rubidium ammonia mdp hdp bonescan planar static tomographic gated muga vq ventilation
axial3d cor3d sag3d isovoxel mprange thins thicks bones softs reg registered registration fused fusion sub subtraction subtracted subtr sub diff ratio sum total average max min std dev sd normal abnormal normalized norm nd dis2d dis3d
fil filt filtered pfp fm phase mag magnitude real imaginary composed composing mosaic localizers shim shimming b1 b1map fieldmap field map prescan asset sense grappa caipi smash arc compressed sensing cs csense accel acceleration factor p2 p3 p4
ipat no yes of and or the in on at for from to by is are was not none unknown other see seen per via as an a with within new old pat patient patients subject volunteer control controls case cases phantom acr nema
motion artifact artefact artifacts degraded limited incomplete complete partial technically adequate inadequate poor good excellent quality fair nondiagnostic diagnostic clinical indication history symptoms pain mass lesion lesions nodule nodules tumor tumour
cancer carcinoma metastasis metastases metastatic staging restaging recurrence treatment therapy response chemo chemotherapy radiation radiotherapy surgery surgical preop postop op status fracture fractures infection abscess hemorrhage haemorrhage bleeding infarct
infarction ischemia ischemic ischaemic edema oedema cyst cysts cystic calcification calcified stone stones obstruction dilated dilatation thickening enhancement enhancing hypodense hyperdense hypointense hyperintense isointense signal density
size sizes small large larger smaller unchanged stable increased decreased increase decrease interval change changes mild moderate severe minimal significant acute chronic subacute early late old recent possible probable likely suspicious benign malignant
white matter gray grey black blood brown fat green red blue yellow head hand x ray rays x-ray day days week weeks month months year years hour hours min minute minutes second seconds time times date field
heads long short stone case joint joints disc disk discs disks cord canal foramen level levels root roots segment segments lobe lobes lobar upper middle hilum hilar apex apices base bases
algorithm software version default user defined custom auto automatic manual preset preview workflow pipeline model network deep learning ai cad processed processing postprocessing unprocessed raw data file files type types value values unit units
percent ratio rate frequency hz mhz khz bpm hr sp dp mmhg ml l dl mg mcg kg g gy mgy cgy bq mbq mci ci sv msv uptake injected activity start stop end begin frame rate per sec fps
ge medical systems siemens healthineers healthcare philips toshiba canon hitachi fujifilm fuji hologic samsung medison mindray esaote agfa kodak carestream konica minolta sectra varian elekta shimadzu united uih neusoft bruker ziehm mediso
acuson zonare sonosite terason butterfly clarius supersonic aplio vivid logiq epiq affiniti ie33 sequoia sc2000 somatom definition force drive edge flash sensation emotion magnetom skyra prisma vida aera avanto trio verio espree symphony sola
lightspeed brightspeed discovery revolution optima signa architect premier voyager brilliance ingenuity ingenia achieva intera panorama iqon icon gemini vereos biograph vision mct horizon aquilion prime genesis activion vantage titan
isite pacs workstation viewer osirix horos slicer synapse intellispace syngo via advantage windows aw vitrea terarecon clearcanvas dcmtk pydicom gdcm
angle angles plane planes position positions table couch tilt gantry detector detectors collimation pitch rotation scanned scanning scans start location locations landmark isocentre offset center centre distance spacing gap thickness
ascii iso ir utf patient orientation display displays acquisition acquisitions acquired acq reconstructed group groups dataset sets single multi multiple multiframe double triple
he she it they we you his her their its this that these those which who whom whose what when where why how then than there here has have had having been be being am do does did done can could should would may might must will shall if else but also so
such some any all each every both few many more most much less least other another same own only just even very too again once ever never always often sometimes usually about above below under over between among against during before after since until while
because due although though however therefore thus hence well into onto upon out off down up through across along around near far away back forward toward towards one two three four five six seven eight nine ten
seen noted shown shows show demonstrates demonstrate demonstrated demonstrating identified identify identifies evaluate evaluated evaluation assess assessed assessment obtained performed reviewed compared correlated recommended recommend recommendation suggested suggest consistent compatible
related relatively involving involved involves including includes include included excluding exclude excluded underwent developed presented presents present presenting transferred admitted discharged referred known treated treating experimental experience guess plan plans follows following approximately
photo photograph photographs photos study studies findings finding impression conclusion technique comparison clinical information requested ordered sample samples demo demonstration simple sample document documents section heading headings text library language content descendants artificial intelligence
generated precision bit bits signed unsigned rescaled rescale scaled compress compressed compression lossless lossy baseline extended progressive quality factor selection point transform resampled resample combined lut luts odd length overlay overlays scrambled modality voi presentation
pe lezing rapport sans avec ohne mit und oder der die das des du de la le les et y con sin por para del el los las il lo gli di da su non tete cou rachis genou hanche epaule poignet cheville main pied poumon poumons foie rein reins coeur cerveau crane abdominopelvien thoraco dorsal dorsale lombaire cervicale
kopf hals schadel schaedel wirbelsaule wirbelsaeule brust bauch becken huefte hufte schulter ellenbogen handgelenk finger daumen sprunggelenk fuss fuß lunge leber niere nieren herz gefaesse gefasse mrt oberes unteres obere untere rechts links beidseits aufnahme durchleuchtung sonographie
cabeza cuello columna torax pecho rodilla cadera hombro muneca mano pie pulmon higado rinon corazon cerebro craneo abdominal pelvica mamografia ecografia resonancia tomografia testa collo colonna torace addome bacino ginocchio anca spalla polso mano piede polmone fegato rene cuore cranio
cont contr con medel omniscan gadobutrol prohance lymphoseek definity lumason optison sonovue pharm regadenoson adenosine lexiscan colonoscopy colonography enterography urography urogram cystography angiogram angiograms arteriogram venogram myelogram arthrogram arthrography mammogram mammography screening
echocardiogram echocardiograms electrocardiogram ultrasonography sonogram doppler elastography fibroscan hysterosalpingogram fluoroscopy swallow barium esophagram upper gi ugi sbft kub iv ivp vcug obli oblique obliques pilot quad capture smart score smartscore teeth dental panoramic cephalometric occlusal bitewing
millivolt microvolt millisecond milliseconds microseconds seizures seizure hematuria murmur valve damaged fibroma ossifying diagnostics exam examen exams others other pediatric adena seg segs labelmap intensity lin mst survey wip anat func perf dwi asc desc ascending descending
gross neutral buffered formalin dapi undefined gender sex follicles follicle fertilization cul sac pouch rad treatments treatment daily fractions fraction gentleman lady man woman male female boy girl baby twin years old yr yo
investigational use software output only classic legacy created images enhanced private label normal normale sinus rhythm ritmo sinusale ecg sinusrhythmus vsd asd pfo pda tof tga tr as ms mr ai ar ps regurg
caucasian asian hispanic latino african american european indian arab native pacific islander mixed race ethnicity smoker nonsmoker former never ijg whole removed cleaned anonymized anonymised anonymous deidentified
`
