// The table of functions: what it must hold whatever is added to it.
import PromQL
import Testing

@Suite struct FunctionSignatureTests {
  @Test func everyFunctionIsFoundByItsName() throws {
    #expect(FunctionSignature.all.count == 122)
    #expect(Set(FunctionSignature.all.map(\.name)).count == FunctionSignature.all.count)
    for function in FunctionSignature.all { #expect(FunctionSignature.named(function.name) == function) }
    #expect(FunctionSignature.named("Rate") == nil)
    #expect(FunctionSignature.named("sum") == nil)
  }

  @Test func aVariadicFunctionHasAnArgumentThatMayBeMissing() {
    for function in FunctionSignature.all where function.variadic != 0 { #expect(!function.argumentTypes.isEmpty) }
  }
}
