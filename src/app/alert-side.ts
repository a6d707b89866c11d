import { AlertPlane, type AlertPlaneFlags, type AlertSetup } from '../alerts/index.ts';
import type { LoadedAlertmanager } from '../config/index.ts';
import type { Registry } from '../core/metrics.ts';
import {
  type Integration,
  NotificationTemplates,
  NotifyMetrics,
  Outbox,
  type TemplateSource,
  buildIntegrations,
  buildPipeline,
} from '../notify/index.ts';
import type { StateStore } from '../storage/index.ts';
import type { TocsinPorts } from './ports.ts';

/** How long requests under way may go on when tocsin stops. */
const STOP_GRACE_MS = 5000;

/** What an {@link AlertSide} needs besides its configuration. */
export interface AlertSideOptions {
  readonly ports: TocsinPorts;
  readonly state: StateStore;
  readonly registry: Registry;
  readonly flags: AlertPlaneFlags;
  readonly externalUrl: string;
  /** Gets bugs found in background work. */
  readonly onFailure: (name: string, error: unknown) => void;
}

/** An Alertmanager configuration, built and ready to be put to work. */
interface Prepared {
  readonly setup: AlertSetup;
  readonly integrations: readonly Integration[];
}

/** The embedded Alertmanager: alert plane, pipeline, outbox and receivers, started, reloaded and stopped as one. */
export class AlertSide {
  readonly plane: AlertPlane;
  readonly outbox: Outbox;
  readonly #options: AlertSideOptions;
  readonly #metrics: NotifyMetrics;

  constructor(options: AlertSideOptions) {
    const { ports, state, registry, flags } = options;
    const { clock, random } = ports;
    const logger = ports.logger.child({ component: 'alertmanager' });
    this.#options = options;
    this.#metrics = new NotifyMetrics(registry, () => clock.nowMs());
    const { onFailure } = options;
    this.plane = new AlertPlane({ clock, state, random, logger, registry, flags, onFailure });
    this.outbox = new Outbox({
      store: state.notifications,
      clock,
      random,
      logger,
      metrics: this.#metrics,
      retentionMs: flags.retentionMs,
      maintenanceIntervalMs: flags.maintenanceIntervalMs,
      onFailure,
    });
  }

  /** Loads what the last run left, then sends. */
  async start(config: LoadedAlertmanager, nowMs: number): Promise<void> {
    const { setup, integrations } = await this.#prepare(config);
    this.outbox.setIntegrations(integrations);
    await this.outbox.start();
    await this.plane.start(setup, nowMs);
  }

  /**
   * Builds everything that can fail (templates, receivers); the returned function puts it to work. So that a reload of
   * the whole program is all or nothing.
   */
  async prepareReload(config: LoadedAlertmanager): Promise<() => Promise<void>> {
    const { setup, integrations } = await this.#prepare(config);
    return async () => {
      this.outbox.setIntegrations(integrations);
      await this.plane.reload(setup);
    };
  }

  async stop(): Promise<void> {
    await this.plane.stop();
    await this.outbox.stop(STOP_GRACE_MS);
  }

  async #prepare(config: LoadedAlertmanager): Promise<Prepared> {
    const { ports, externalUrl } = this.#options;
    const sources: TemplateSource[] = [];
    for (const path of config.templateFiles) {
      const bytes = await ports.files.readFile(path);
      sources.push({ name: path, text: new TextDecoder().decode(bytes) });
    }
    const templates = new NotificationTemplates(sources, externalUrl);
    const usedReceivers = new Set<string>();
    collectReceivers(config.alerts.route, usedReceivers);
    const integrations = buildIntegrations(config.notify.receivers, usedReceivers, templates, {
      ...ports,
      logger: ports.logger.child({ component: 'receiver' }),
    });
    return {
      integrations,
      setup: {
        config: config.alerts,
        createFlush: ({ inhibitor, silences, timeIntervals, marks }) =>
          buildPipeline({
            ready: () => Promise.resolve(),
            inhibitor,
            silences,
            timeIntervals,
            groupMuteMarks: marks,
            outbox: this.outbox,
            integrations,
            resolveMuted: config.notify.resolveMuted ?? true,
            metrics: this.#metrics,
          }),
      },
    };
  }
}

function collectReceivers(route: LoadedAlertmanager['alerts']['route'], into: Set<string>): void {
  if (route.receiver !== undefined) into.add(route.receiver);
  for (const child of route.routes) collectReceivers(child, into);
}
