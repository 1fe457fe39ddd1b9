import Platform
import Simulation
import Testing
import Wire

@testable import Storage

@Suite("Media store") struct MediaStoreTests {
  private func store(_ disk: SimulatedDisk) -> MediaStore {
    MediaStore(
      directory: "/d/t1/media", files: disk.fileSystem(), random: SeededRandomSource(seed: 1))
  }

  @Test func `bytes are found under their SHA-256, once`() throws {
    let disk = SimulatedDisk()
    let name = try store(disk).put(Array("abc".utf8))
    #expect("\(name)" == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    #expect(try store(disk).put(Array("abc".utf8)) == name)
    #expect(try store(disk).bytes(name) == Array("abc".utf8))
    #expect(try disk.fileSystem().list("/d/t1/media") == ["\(name)"])
  }

  @Test func `what was stored survives a loss of power at once`() throws {
    let disk = SimulatedDisk()
    let name = try store(disk).put([UInt8](repeating: 7, count: 5_000))
    disk.losePower(.lost)
    #expect(try store(disk).bytes(name) == [UInt8](repeating: 7, count: 5_000))
  }

  @Test(arguments: 1...8)
  func `a store that is interrupted leaves no object with other bytes than its name says`(
    call: Int
  ) throws {
    let disk = SimulatedDisk()
    let bytes = [UInt8](repeating: 9, count: 3_000)
    disk.losePower(afterCalls: call)
    let name = try? store(disk).put(bytes)
    disk.losePower(.mixed(seed: UInt64(call)))
    let found = try store(disk).bytes(SHA256Hash.of(bytes))
    #expect(found == nil || found == bytes)
    if name != nil { #expect(found == bytes) }
    _ = try store(disk).sweep()
    #expect(try store(disk).put(bytes) == SHA256Hash.of(bytes))
    #expect(try store(disk).bytes(SHA256Hash.of(bytes)) == bytes)
  }

  @Test func `damaged bytes are not handed out`() throws {
    let disk = SimulatedDisk()
    let name = try store(disk).put([1, 2, 3])
    let file = try disk.fileSystem().open("/d/t1/media/\(name)", .update)
    try file.write([9], at: 1)
    #expect(try store(disk).bytes(name) == nil)
    try store(disk).remove(name)
    #expect(try !store(disk).contains(name))
  }

  @Test func `a tenant's media are stored through the engine`() async throws {
    try await withTemporaryDirectory { directory in
      let test = try await TestEngine(directory)
      try await test.engine.create(TestEngine.tenant, epoch: .first)
      let name = try await test.engine.putMedia(TestEngine.tenant, [1, 2, 3])
      #expect(try await test.engine.media(TestEngine.tenant, name) == [1, 2, 3])
      #expect(try LiveFileSystem().exists("\(directory)/tenants/t1/media/\(name)"))
      await test.close()
    }
  }
}
