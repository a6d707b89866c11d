import type { AlertPlane, AlertSink, Silences } from '../alerts/index.ts';
import type { Clock } from '../core/clock.ts';
import type { Labels } from '../core/labels.ts';
import type { Matcher } from '../core/matcher.ts';
import type { Logger } from '../core/log.ts';
import type { Registry } from '../core/metrics.ts';
import type { OutboxRow } from '../notify/index.ts';
import type { ParseOptions, QueryService } from '../promql/index.ts';
import type { RuleManager } from '../rules/index.ts';
import type { ScrapeManager } from '../scrape/index.ts';
import type {
  BlockMeta,
  ReadableStorage,
  RemoteReadAnswer,
  SampleStorage,
  SeriesExemplars,
  TsdbAdmin,
  WriteAnswer,
  WriteCall,
} from '../storage/index.ts';
import type { BuildInfo, RuntimeInfo } from './types.ts';

/** Where a program is in its life. */
export type Readiness = 'starting' | 'ready' | 'stopping';

/** Takes what others send; headers of a request as they came. */
interface SampleReceiver {
  receive(call: WriteCall): Promise<WriteAnswer>;
}

/** The receivers that are switched on. */
export interface ReceiverPorts {
  readonly remoteWrite?: SampleReceiver | undefined;
  readonly otlp?: SampleReceiver | undefined;
}

/** What the Prometheus half of the API reads from; the rooms' own objects fit. */
export interface PrometheusPorts {
  readonly queries: QueryService;
  /** Functions and features that expressions may use where they are only parsed; Prometheus' defaults when absent. */
  readonly parseOptions?: ParseOptions;
  /** Where queries find their samples. */
  readonly readable: ReadableStorage;
  /** Where `/federate` finds them; {@link readable} when absent. */
  readonly federated?: ReadableStorage;
  readonly storage: Pick<SampleStorage, 'stats' | 'cardinality'> & {
    /** Absent where no exemplars are kept: there are none. */
    readonly exemplars?: {
      select(startMs: number, endMs: number, sets: readonly (readonly Matcher[])[]): SeriesExemplars[];
    };
  };
  /** The data folder. */
  readonly tsdb: { readonly blocks: readonly { readonly meta: BlockMeta }[]; readonly admin: TsdbAdmin };
  readonly receivers?: ReceiverPorts;
  /** Answers remote reads; none are answered when absent. */
  readonly remoteRead?: { read(body: Uint8Array, signal: AbortSignal): Promise<RemoteReadAnswer> };
  readonly scrape: Pick<ScrapeManager, 'scrapePools' | 'targets' | 'targetMetadata'>;
  readonly rules: Pick<RuleManager, 'groups' | 'activeAlerts'>;
  /** URLs that alerts are sent to, the embedded Alertmanager's included, and those that relabelling dropped. */
  readonly alertmanagers: () => { readonly active: readonly string[]; readonly dropped: readonly string[] };
  readonly externalLabels: () => Labels;
  /** The configuration at work as YAML, without secrets. */
  readonly configText: () => string;
  readonly runtimeInfo: () => RuntimeInfo;
  /** Segments of the write-ahead log: first, last, and the one being read. */
  readonly walReplay: () => { readonly min: number; readonly max: number; readonly current: number };
}

/** A receiver of the configuration with its labels. */
interface ReceiverView {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** What the Alertmanager half of the API reads from and writes to. */
export interface AlertmanagerPorts {
  readonly plane: Pick<AlertPlane, 'alerts' | 'groups' | 'matcherParser'> & {
    readonly store: AlertSink;
    readonly silences: Pick<Silences, 'set' | 'expire' | 'get' | 'query'>;
  };
  /** In the order of the configuration. */
  readonly receivers: () => readonly ReceiverView[];
  /** The configuration at work as YAML with defaults, without secrets. */
  readonly configText: () => string;
  /** How replicas share notifications; `peers` has this process when it stands alone. */
  readonly cluster: () => {
    readonly name?: string;
    readonly status: 'ready' | 'settling' | 'disabled';
    readonly peers: readonly { readonly name: string; readonly address: string }[];
  };
  readonly startedAtMs: number;
  /** Notifications that are not out yet. */
  readonly openNotifications: () => readonly OutboxRow[];
}

/** The files of the web app. */
interface UiFiles {
  /** A file by its path in the app's folder (`index.html`, `assets/x.js`); undefined when there is none. */
  read(path: string): Promise<Uint8Array | undefined>;
}

/** How the API is served; from the flags. */
export interface ApiOptions {
  /** '' or `/prefix`: what every route stands below. */
  readonly routePrefix: string;
  /** As configured, without trailing slash; its path is where the browser finds the web app. */
  readonly externalUrl: string;
  readonly pageTitle: string;
  /** Anchored regular expression of `--web.cors.origin`. */
  readonly corsOrigin: string;
  /** Whether `/-/reload` and `/-/quit` work. */
  readonly enableLifecycle: boolean;
  /** Whether samples may be deleted and copied over HTTP; no when absent. */
  readonly enableAdmin?: boolean | undefined;
  readonly buildInfo: BuildInfo;
  /** Name and value of every flag, as shown. */
  readonly flags: Readonly<Record<string, string>>;
  /** How far back `/federate` looks. */
  readonly lookbackMs: number;
  /** `tocsin` in `tocsin is Healthy.`; Alertmanager alone answers `OK`. */
  readonly appName: string;
  /** Longest body that is taken; 64 MiB when absent. */
  readonly maxBodyBytes?: number;
}

/** Everything the API is made of. Functions are asked at each request, so that they follow starts, stops and reloads. */
export interface ApiDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly registry: Registry;
  readonly options: ApiOptions;
  readonly readiness: () => Readiness;
  /** undefined while starting or stopping, and in `tocsin alertmanager`. */
  readonly prometheus: () => PrometheusPorts | undefined;
  /** undefined while starting or stopping, and where there is no embedded Alertmanager. */
  readonly alertmanager: () => AlertmanagerPorts | undefined;
  /** As {@link PrometheusPorts.walReplay}, asked while starting: that is when it moves. */
  readonly walReplay?: PrometheusPorts['walReplay'];
  /** Whether this program has the Prometheus half at all. */
  readonly hasPrometheus: boolean;
  /** Rejects with what is wrong with the configuration. */
  readonly reload: () => Promise<void>;
  /** Asks the program to end; called once. */
  readonly quit: () => void;
  readonly ui: UiFiles | undefined;
  /** Told of bugs found while answering. */
  readonly onFailure: (name: string, error: unknown) => void;
}
