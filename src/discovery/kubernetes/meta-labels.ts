import { sanitizeLabelName } from '../label-text.ts';
import type { ObjectMeta } from './objects.ts';

/** Labels under construction; empty values are dropped when they become a group's. */
export type LabelValues = Record<string, string>;

/** What the names of all labels of this discovery begin with. */
export const META = '__meta_kubernetes_';

/** Labels and annotations of an object, with markers for their presence. */
export function addLabelsAndAnnotations(into: LabelValues, metadata: ObjectMeta, resource: string): void {
  for (const [key, value] of Object.entries(metadata.labels)) {
    const name = sanitizeLabelName(key);
    into[`${META}${resource}_label_${name}`] = value;
    into[`${META}${resource}_labelpresent_${name}`] = 'true';
  }
  for (const [key, value] of Object.entries(metadata.annotations)) {
    const name = sanitizeLabelName(key);
    into[`${META}${resource}_annotation_${name}`] = value;
    into[`${META}${resource}_annotationpresent_${name}`] = 'true';
  }
}

/** An object's name with its labels and annotations. */
export function addObjectLabels(into: LabelValues, metadata: ObjectMeta, resource: string): void {
  into[`${META}${resource}_name`] = metadata.name;
  addLabelsAndAnnotations(into, metadata, resource);
}
