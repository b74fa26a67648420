import { after, before } from 'mocha'
import { TestFleet } from './fleet.ts'
import { RouterProcess, type View } from './router-process.ts'

/** A fleet and its router, for one suite. */
export type Suite = {
  readonly fleet: TestFleet
  readonly router: RouterProcess
  /** Waits until the router sees so many healthy agents in a swarm. */
  healthy(swarm: string, count: number): Promise<View>
}

/** Starts a fleet and a router before the tests of the suite that it is called in, and ends both after them. */
export function useRouter(args: readonly string[] = []): Suite {
  let fleet: TestFleet
  let router: RouterProcess
  before(async () => {
    fleet = await TestFleet.start()
    router = await RouterProcess.start({ config: fleet.config, namespace: fleet.namespace, sandboxUrl: fleet.gateway.url, args })
  })
  after(async () => {
    await router.stop()
    await fleet.stop()
  })
  return {
    get fleet() {
      return fleet
    },
    get router() {
      return router
    },
    healthy: (swarm, count) =>
      router.sees(swarm, `${count} healthy agents`, (view) => view.agents.filter((agent) => agent.health === 'Healthy').length === count),
  }
}
