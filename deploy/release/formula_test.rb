# Runs the Homebrew formula as far as that is possible without Homebrew: its syntax, the download for Linux on x86_64, `install` and `test`.
#
#   ruby formula_test.rb FORMULA FOLDER       FOLDER: the unpacked archive; this writes into a new folder beside it
require "fileutils"
require "pathname"

FORMULA, SOURCE = ARGV.map { |path| File.expand_path(path) }
PREFIX = Pathname("#{SOURCE}.homebrew")

# A folder of the prefix, with `install` as in Homebrew: of one name, several, or `from => to`.
class Target < Pathname
  def install(*names)
    mkpath
    names.flatten.each do |name|
      pairs = name.is_a?(Hash) ? name : { name => File.basename(name) }
      pairs.each { |from, to| FileUtils.cp(from, self/to) }
    end
  end
end

# The part of Homebrew's class that the formula uses.
class Formula
  class << self
    attr_reader :test_block, :downloads

    %i[desc homepage version license].each { |name| define_method(name) { |*value| (@facts ||= {})[name] = value } }
    def on_linux = yield
    def on_intel = yield
    def on_macos = nil
    def on_arm = nil
    def url(address) = (@downloads ||= []) << address
    def sha256(sum) = (raise "no SHA-256: #{sum}" unless sum.match?(/\A\h{64}\z/))
    def test(&block) = @test_block = block
    def facts = @facts
  end

  { bin: "bin", man1: "share/man/man1", doc: "share/doc/iiif-publish", bash_completion: "etc/bash_completion.d",
    zsh_completion: "share/zsh/site-functions", fish_completion: "share/fish/vendor_completions.d" }.each do |name, path|
    define_method(name) { Target.new(PREFIX/path) }
  end

  def testpath = PREFIX/"test"
  def assert_path_exists(path) = (raise "#{path} is missing" unless path.exist?)
  def system(*words) = (Kernel.system(*words.map(&:to_s), out: File::NULL) || raise("failed: #{words.join(" ")}"))
end

load FORMULA
raise "facts are missing" unless IiifPublish.facts.keys.sort == %i[desc homepage license version]
raise "the description is too long for Homebrew" if IiifPublish.facts[:desc].first.length > 80
raise "not one download for this machine: #{IiifPublish.downloads}" unless IiifPublish.downloads&.length == 1

formula = IiifPublish.new
Dir.chdir(SOURCE) { formula.install }
formula.testpath.mkpath
Dir.chdir(formula.testpath) { formula.instance_eval(&IiifPublish.test_block) }
%w[bin/iiif-publish share/man/man1/iiif-publish.1 share/doc/iiif-publish/NOTICES.txt].each do |path|
  raise "#{path} is missing" unless (PREFIX/path).size?
end
