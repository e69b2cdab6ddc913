//! Options for a collection's website.

use crate::cli::error::Fatal;
use crate::cli::exit::Exit;
use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use iiif_publish::error::chain;
use iiif_publish::site::{Color, Logo, SiteLanguage, SiteOptions};

/// Options for `--site`. In a configuration file, they belong in the `[site]` table.
#[derive(Debug, Args)]
#[command(next_help_heading = "Site")]
pub(crate) struct SiteArguments {
    /// Write a website with a page per object and a search
    ///
    /// It is plain HTML beside the images, and needs no server. A table `[site]` in the configuration file turns it on.
    #[arg(long, conflicts_with = "shard")]
    site: bool,
    /// Set the site's name [default: `--label`]
    #[arg(long, value_name = "TEXT", requires = "site")]
    site_name: Option<String>,
    /// Introduce the collection on the first page
    #[arg(long, value_name = "TEXT", requires = "site")]
    site_description: Option<String>,
    /// Set the language of the interface
    #[arg(long, value_name = "TAG", default_value = "en", requires = "site", value_parser = language_parser())]
    site_language: SiteLanguage,
    /// Show a logo: an SVG, PNG, JPEG or WebP file, or a URL
    #[arg(long, value_name = "FILE", requires = "site")]
    site_logo: Option<String>,
    /// Set the color of links and buttons, such as `#8a1538`
    ///
    /// It is made darker or lighter if its contrast is too low.
    #[arg(long, value_name = "COLOR", requires = "site")]
    site_color: Option<Color>,
    /// Show this text at the end of every page
    #[arg(long, value_name = "TEXT", requires = "site")]
    site_footer: Option<String>,
    /// Filter by the values of this column (repeatable)
    #[arg(long, value_name = "COLUMN", requires = "site")]
    site_facet: Vec<String>,
    /// Show the values of this column below titles (repeatable)
    #[arg(long, value_name = "COLUMN", requires = "site")]
    site_caption: Vec<String>,
}

fn language_parser() -> impl TypedValueParser<Value = SiteLanguage> {
    let names = SiteLanguage::ALL.iter().map(|language| PossibleValue::new(language.as_str()));
    PossibleValuesParser::new(names).try_map(|name| name.parse::<SiteLanguage>())
}

impl SiteArguments {
    /// Reads the logo and returns the site's options, or `None` without `--site`.
    pub(in crate::cli) fn options(&self) -> Result<Option<SiteOptions>, Fatal> {
        if !self.site {
            return Ok(None);
        }
        let load = |logo: &String| Logo::load(logo);
        let logo = self.site_logo.as_ref().map(load).transpose().map_err(|error| {
            Fatal::new(Exit::Usage, chain(&error), "pass `--site-logo` a file of up to 1 MiB, or an https:// URL")
        })?;
        let mut options = SiteOptions::default();
        options.name.clone_from(&self.site_name);
        options.description.clone_from(&self.site_description);
        options.language = self.site_language;
        options.logo = logo;
        options.color = self.site_color;
        options.footer.clone_from(&self.site_footer);
        options.facets.clone_from(&self.site_facet);
        options.captions.clone_from(&self.site_caption);
        Ok(Some(options))
    }
}
