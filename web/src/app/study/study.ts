/** What the routes of a study's coordinators say (Go: web/reading study.go, agreement.go, adjudicate.go, export.go, audit.go, sources.go). */
import { get, perform, send } from '../../api/client';
import type { Me } from '../../api/types';

export type Phase = 'setup' | 'reading' | 'adjudication' | 'closed';
export const phases: readonly Phase[] = ['setup', 'reading', 'adjudication', 'closed'];

/** Actions of the policy that pages ask for. */
export type Action =
	| 'manage members' | 'manage study' | 'view progress' | 'view agreement' | 'send to adjudication' | 'sign truth' | 'export'
	| 'view names' | 'unblind' | 'view log' | 'view access log';

export interface ItemBrief {
	readonly name: string;
	readonly label: string;
	readonly kind: string;
	readonly required: boolean;
	/** how far apart answers are told; absent: it makes no disagreement */
	readonly metric?: string;
	readonly limit?: number;
}

export interface ProtocolBrief {
	readonly revision: number;
	readonly title: string;
	readonly design: string;
	readonly adjudication: string;
	readonly items: readonly ItemBrief[];
}

/** Somebody who reads or decides, by mask. Names and which one is a model are told to who may know. */
export interface ReaderRow {
	readonly reader: string;
	readonly name?: string;
	readonly ai?: boolean;
	readonly decides?: boolean;
	readonly assigned: number;
	readonly drafts: number;
	readonly locked: number;
	readonly late: number;
	readonly seconds: number;
	/** the next date of what is not locked */
	readonly due?: string;
	/** required items: in how many of the readings that ask them they are answered */
	readonly requirements: readonly { readonly item: string; readonly asked: number; readonly done: number }[];
}

export interface MemberRow {
	readonly name: string;
	readonly reader: string;
	readonly roles: readonly string[];
	readonly model?: string;
	readonly unblinded?: boolean;
}

export interface CaseRow {
	readonly id: string;
	readonly number: number;
	/** cases of one patient have the same number */
	readonly patient: number;
	readonly images: number;
	readonly frames: number;
	/** one has to read it: who else does is not shown */
	readonly hidden?: boolean;
}

export type CellState = 'waiting' | 'ready' | 'draft' | 'locked';

export interface Cell {
	/** index into readers */
	readonly reader: number;
	/** index into cases */
	readonly case: number;
	readonly arm: string;
	readonly session: number;
	readonly state: CellState;
	readonly due?: string;
	readonly late?: boolean;
}

export interface Overview {
	readonly name: string;
	readonly phase: Phase;
	readonly protocol?: ProtocolBrief;
	readonly may: readonly Action[];
	readonly readers: readonly ReaderRow[];
	readonly members?: readonly MemberRow[];
	readonly can_log_in?: readonly string[];
	readonly cases?: readonly CaseRow[];
	readonly cells?: readonly Cell[];
	/** readings that wait for whoever is free */
	readonly pool?: number;
	readonly truths: readonly { readonly version: number; readonly digest: string; readonly ed25519_public_key: string }[];
}

export const overview = () => get<Overview>('/api/study');

export interface Published {
	readonly revision: number;
	readonly sha256: string;
	readonly at: string;
	readonly yaml: string;
}
export const protocols = () => get<{ readonly revisions: readonly Published[]; readonly next: number }>('/api/study/protocol');

export interface Fault {
	/** from 1; 0: of the whole */
	readonly line: number;
	readonly key?: string;
	readonly text: string;
}
export interface Checked {
	readonly faults: readonly Fault[];
	readonly protocol?: ProtocolBrief;
}
export const check = (yaml: string, signal?: AbortSignal) => send<Checked>('POST', '/api/study/protocol/check', { yaml }, signal);
export const publish = (yaml: string) => perform({ kind: 'protocol.publish', data: { yaml } });

export interface Share {
	readonly reader: string;
	readonly arm: string;
	readonly session: number;
	readonly cases: number;
}
export interface Outcome {
	readonly shares?: readonly Share[];
	readonly phase?: { readonly from: Phase; readonly to: Phase; readonly drafts: number; readonly not_read: number; readonly locked: number };
}
export const preview = (kind: string, data?: unknown) => send<Outcome>('POST', '/api/study/preview', data === undefined ? { kind } : { kind, data });
export const assign = () => perform({ kind: 'assign' });
export const setPhase = (phase: Phase) => perform({ kind: 'phase.set', data: { phase } });
/** By when what is not locked is to be done: all of it, or a reader's by mask. "" takes the date away. */
export const setDue = (due: string, reader?: string) => perform({ kind: 'due.set', data: { due, ...(reader ? { reader } : {}) } });
export const unblind = (member: string, reason: string) => perform({ kind: 'unblind', data: { member, reason } });

export interface NewMember {
	readonly name: string;
	readonly roles: readonly string[];
	readonly model?: string;
	/** make a password up */
	readonly password: boolean;
}
/** What is told once. */
export interface Told {
	readonly name: string;
	readonly password?: string;
}
export const addMember = (m: NewMember) => send<Told>('POST', '/api/study/members', m);
export const newPassword = (name: string) => send<Told>('POST', '/api/study/passwords', { name });

export interface Candidate {
	readonly id: string;
	readonly number: number;
	readonly images: number;
	readonly frames: number;
	readonly modalities: readonly string[];
	readonly patient: number;
	/** it is a case already */
	readonly there: boolean;
}
export interface Found {
	readonly studies: readonly Candidate[];
	/** files that are no images */
	readonly skipped: number;
	readonly cut: boolean;
}
export const sources = () => get<{ readonly sources: readonly string[] }>('/api/study/sources');
export const search = (source: string, modality: string, min_frames: number, anew = false) =>
	send<Found>('POST', '/api/study/sources/search', { source, modality, min_frames, anew });
export const addCases = (source: string, studies: readonly string[]) =>
	send<{ readonly added: number; readonly there: number; readonly refused: readonly string[] }>('POST', '/api/study/cases', { source, studies });

/** A number with its interval; null where it is not defined, with a note that says why. */
export interface Measure {
	readonly measure: string;
	readonly value: number | null;
	readonly low: number | null;
	readonly high: number | null;
	readonly method?: string;
	readonly n: number;
	readonly unit?: string;
	readonly note?: string;
}
export interface Pair {
	readonly a: string;
	readonly b: string;
	readonly ai: boolean;
	readonly n: number;
	readonly measures: readonly Measure[];
}
export interface AgreedItem {
	readonly item: string;
	readonly label: string;
	readonly kind: string;
	readonly arm: string;
	readonly unit?: string;
	readonly units: number;
	readonly units_of_two: number;
	readonly cannot_assess: number;
	readonly people: readonly Measure[];
	readonly pairs: readonly Pair[];
	readonly repeats?: readonly Pair[];
	readonly notes?: readonly string[];
}
export interface Comparison {
	readonly figure: string;
	readonly a: string;
	readonly b: string;
	readonly value_a: number | null;
	readonly value_b: number | null;
	readonly difference: Measure;
	readonly p: number | null;
	readonly readers: string;
}
export interface HeadToHead {
	readonly item: string;
	readonly truth: string;
	readonly cases: number;
	readonly positives: number;
	readonly left_out: number;
	readonly readers: readonly { readonly reader: string; readonly ai: boolean; readonly arm: string; readonly measures: readonly Measure[] }[];
	readonly ai_against_people?: readonly Comparison[];
	readonly aided_against_unaided?: readonly Comparison[];
	readonly notes?: readonly string[];
}
export interface Agreement {
	readonly project: string;
	readonly level: number;
	readonly cases: number;
	readonly readings: number;
	readonly drafts: number;
	readonly readers: readonly { readonly reader: string; readonly ai: boolean; readonly readings: number; readonly median_seconds: number | null }[];
	readonly items: readonly AgreedItem[];
	readonly head_to_head?: readonly HeadToHead[];
	readonly notes?: readonly string[];
}
export const agreement = () => get<Agreement>('/api/agreement');

export interface Chart {
	readonly kind: 'pair' | 'roc';
	readonly item: string;
	readonly arm?: string;
	readonly a?: string;
	readonly b?: string;
}
export const charts = () => get<{ readonly charts: readonly Chart[] }>('/api/agreement/charts');

/** Where a chart is drawn. */
export function chartAddress(c: Chart, dark: boolean): string {
	const q = new URLSearchParams({ kind: c.kind, item: c.item });
	if (c.arm) q.set('arm', c.arm);
	if (c.a) q.set('a', c.a);
	if (c.b) q.set('b', c.b);
	if (dark) q.set('theme', 'dark');
	return `/api/agreement/chart?${q}`;
}

export interface Limit {
	readonly item: string;
	readonly metric: string;
	readonly limit: number;
}
export interface Disagreement {
	readonly case: string;
	readonly number: number;
	readonly image?: number;
	readonly frame?: number;
	readonly item: string;
	readonly arm: string;
	readonly metric: string;
	/** of the two who differ most; null: one could not assess what the other did */
	readonly value: number | null;
	readonly limit: number;
	readonly readers: readonly [string, string];
	readonly decided: boolean;
	readonly with_adjudicator: boolean;
}
export const queue = (limits: readonly Limit[]) => send<{ readonly queue: readonly Disagreement[] }>('POST', '/api/agreement/queue', { limits });

export interface Dispatch {
	/** masks of who is to decide */
	readonly to?: readonly string[];
	readonly due?: string;
	/** a rule instead of somebody */
	readonly method?: string;
	readonly limits?: readonly Limit[];
	readonly only?: readonly string[];
	readonly cases?: readonly string[];
	readonly dry_run?: boolean;
}
export const dispatch = (d: Dispatch) => send<{ readonly cases: number; readonly items?: readonly string[] }>('POST', '/api/adjudication', d);

export interface ExportJob {
	readonly id: string;
	readonly state: 'writing' | 'packing' | 'ready' | 'failed';
	readonly files: number;
	readonly bytes: number;
	readonly readings?: number;
	readonly drafts_left_out?: number;
	readonly notes?: readonly string[];
	readonly refused?: { readonly status: number; readonly code: string; readonly message: string };
}
export const beginExport = (formats: readonly string[]) => send<ExportJob>('POST', '/api/exports', { formats });
export const exportJob = (id: string) => get<ExportJob>(`/api/exports/${id}`);
export const giveUpExport = (id: string) => send<void>('DELETE', `/api/exports/${id}`);
export const zipAddress = (id: string) => `/api/exports/${id}/zip`;

export interface AuditEntry {
	readonly seq: number;
	readonly at: string;
	readonly event: string;
	readonly who?: string;
	readonly session?: string;
	readonly route?: string;
	readonly kind?: string;
	readonly object?: string;
	readonly image?: number;
	readonly code?: string;
}
export interface Chain {
	readonly entries: number;
	readonly chain: string;
	readonly broken?: string;
}
export interface AuditPage {
	readonly access: Chain;
	readonly project: Chain;
	readonly masked: boolean;
	readonly events: Readonly<Record<string, number>>;
	readonly matches: number;
	readonly entries: readonly AuditEntry[];
	readonly next?: number;
}
export interface AuditFilter {
	readonly event?: string;
	readonly who?: string;
	readonly before?: number;
}
export function audit(f: AuditFilter): Promise<AuditPage> {
	const q = new URLSearchParams();
	if (f.event) q.set('event', f.event);
	if (f.who) q.set('who', f.who);
	if (f.before) q.set('before', String(f.before));
	return get<AuditPage>(`/api/audit?${q}`);
}

export interface Part {
	readonly name: string;
	readonly label: string;
}

/** The parts of the study that somebody has; the server decides what is in each. */
export function partsOf(who: Me, o: Overview | undefined): readonly Part[] {
	const may = (...a: Action[]) => a.some((x) => o?.may.includes(x));
	const decides = who.roles.includes('adjudicator');
	const all: readonly (readonly [boolean, string, string])[] = [
		[may('view progress'), 'overview', 'Overview'],
		[may('manage study', 'view agreement'), 'protocol', 'Protocol'],
		[may('manage study', 'view agreement'), 'cases', 'Cases'],
		[may('view progress'), 'members', 'Members'],
		[decides, 'adjudication', 'Decisions'],
		[may('view agreement'), 'agreement', 'Agreement'],
		[may('send to adjudication'), 'disagreements', 'Disagreements'],
		[may('export'), 'export', 'Export'],
		[may('view access log'), 'audit', 'Audit'],
	];
	return all.filter(([has]) => has).map(([, name, label]) => ({ name, label }));
}
