/** Where a cloud of Azure is asked. Without a `/` at the end. */
export interface AzureCloud {
  /** Gives tokens. */
  readonly authority: string;
  /** Azure Resource Manager. */
  readonly manager: string;
}

const PUBLIC: AzureCloud = {
  authority: 'https://login.microsoftonline.com',
  manager: 'https://management.azure.com',
};
const CHINA: AzureCloud = {
  authority: 'https://login.chinacloudapi.cn',
  manager: 'https://management.chinacloudapi.cn',
};
const GOVERNMENT: AzureCloud = {
  authority: 'https://login.microsoftonline.us',
  manager: 'https://management.usgovcloudapi.net',
};

const CLOUDS: Readonly<Record<string, AzureCloud>> = {
  AZURECHINACLOUD: CHINA,
  AZURECLOUD: PUBLIC,
  // The German cloud is no more; Prometheus takes its name for the public one.
  AZUREGERMANCLOUD: PUBLIC,
  AZUREPUBLICCLOUD: PUBLIC,
  AZUREUSGOVERNMENT: GOVERNMENT,
  AZUREUSGOVERNMENTCLOUD: GOVERNMENT,
};

/** The cloud of a name in `environment`, written large or small; undefined when there is none. */
export function azureCloud(name: string): AzureCloud | undefined {
  const key = name.toUpperCase();
  return Object.hasOwn(CLOUDS, key) ? CLOUDS[key] : undefined;
}
