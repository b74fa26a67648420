import { ensureImage } from './build.ts'

// `make image`: the image as a file to load, and the list of what is in it.

try {
  const { name, archive, sbom } = await ensureImage((line) => console.log(`[image] ${line}`))
  console.log(`[image] ${name}\n  archive: ${archive}\n  SBOM:    ${sbom}\n  to load: docker load -i ${archive}`)
} catch (error) {
  console.error(`[image] ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
}
