import { z } from 'zod';
import { flag, listOf, number, part, text, texts } from '../go-json.ts';

const port = z.object({ Name: text, Protocol: text, PublishedPort: number, PublishMode: text });

/** A port that a service or a task publishes. */
export type SwarmPort = z.output<typeof port>;

/** An object of which only matters whether it is there. */
const present = z.object({}).nullish();

/** A service. */
export const serviceSchema = z.object({
  ID: text,
  Spec: part({
    Name: text,
    Labels: texts,
    Mode: part({ Global: present, Replicated: present }),
    TaskTemplate: part({ ContainerSpec: z.object({ Hostname: text, Image: text }).nullish() }),
  }),
  UpdateStatus: z.object({ State: text }).nullish(),
  Endpoint: part({
    Ports: listOf(port),
    VirtualIPs: listOf(z.object({ NetworkID: text, Addr: text })),
  }),
});

/** Read by {@link serviceSchema}. */
export type SwarmService = z.output<typeof serviceSchema>;

/** A node. */
export const nodeSchema = z.object({
  ID: text,
  Spec: part({ Role: text, Availability: text, Labels: texts }),
  Description: part({
    Hostname: text,
    Platform: part({ Architecture: text, OS: text }),
    Engine: part({ EngineVersion: text }),
  }),
  Status: part({ State: text, Addr: text }),
  ManagerStatus: z.object({ Leader: flag, Reachability: text, Addr: text }).nullish(),
});

/** Read by {@link nodeSchema}. */
export type SwarmNode = z.output<typeof nodeSchema>;

/** A task: what runs of a service on one node. */
export const taskSchema = z.object({
  ID: text,
  ServiceID: text,
  NodeID: text,
  Slot: number,
  DesiredState: text,
  Status: part({
    State: text,
    ContainerStatus: z.object({ ContainerID: text }).nullish(),
    PortStatus: part({ Ports: listOf(port) }),
  }),
  Spec: part({ ContainerSpec: z.object({ Labels: texts }).nullish() }),
  NetworksAttachments: listOf(z.object({ Network: part({ ID: text }), Addresses: listOf(z.string()) })),
});

/** Read by {@link taskSchema}. */
export type SwarmTask = z.output<typeof taskSchema>;
