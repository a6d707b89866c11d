import {
  ActionIcon,
  AppShell,
  Burger,
  Group,
  NavLink,
  Text,
  useComputedColorScheme,
  useMantineColorScheme,
} from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import type { ReactNode } from 'react';
import { Navigate, NavLink as RouterLink, Route, Routes } from 'react-router';
import { AlertsPage } from './pages/alerts-page.tsx';
import { QueryPage } from './pages/query-page.tsx';
import { RulesPage } from './pages/rules-page.tsx';
import { SilencesPage } from './pages/silences-page.tsx';
import { StatusPage } from './pages/status-page.tsx';
import { TargetsPage } from './pages/targets-page.tsx';

const PAGES: readonly { readonly path: string; readonly title: string; readonly element: ReactNode }[] = [
  { path: 'alerts', title: 'Alerts', element: <AlertsPage /> },
  { path: 'silences', title: 'Silences', element: <SilencesPage /> },
  { path: 'targets', title: 'Targets', element: <TargetsPage /> },
  { path: 'rules', title: 'Rules', element: <RulesPage /> },
  { path: 'query', title: 'Query', element: <QueryPage /> },
  { path: 'status', title: 'Status', element: <StatusPage /> },
];

function ColorSchemeButton(): ReactNode {
  const { setColorScheme } = useMantineColorScheme();
  const scheme = useComputedColorScheme('light');
  const other = scheme === 'dark' ? 'light' : 'dark';
  return (
    <ActionIcon
      variant="default"
      aria-label={`Use the ${other} colours`}
      onClick={() => {
        setColorScheme(other);
      }}
    >
      {scheme === 'dark' ? '☀' : '☾'}
    </ActionIcon>
  );
}

/** The frame around every page: head, navigation, routes. */
export function App(): ReactNode {
  const [opened, { toggle, close }] = useDisclosure();
  return (
    <AppShell
      header={{ height: 48 }}
      navbar={{ width: 160, breakpoint: 'sm', collapsed: { mobile: !opened } }}
      padding="md"
    >
      <AppShell.Header>
        <Group h="100%" px="md" justify="space-between">
          <Group>
            <Burger opened={opened} onClick={toggle} hiddenFrom="sm" size="sm" aria-label="Menu" />
            <Text fw={700} size="lg">
              tocsin
            </Text>
          </Group>
          <ColorSchemeButton />
        </Group>
      </AppShell.Header>
      <AppShell.Navbar p="xs">
        {PAGES.map(({ path, title }) => (
          <RouterLink
            key={path}
            to={`/${path}`}
            style={{ textDecoration: 'none', color: 'inherit' }}
            onClick={close}
          >
            {({ isActive }) => <NavLink component="span" label={title} active={isActive} />}
          </RouterLink>
        ))}
      </AppShell.Navbar>
      <AppShell.Main>
        <Routes>
          {PAGES.map(({ path, element }) => (
            <Route key={path} path={`/${path}`} element={element} />
          ))}
          <Route path="/graph" element={<Navigate to="/query" replace />} />
          <Route path="*" element={<Navigate to="/alerts" replace />} />
        </Routes>
      </AppShell.Main>
    </AppShell>
  );
}
