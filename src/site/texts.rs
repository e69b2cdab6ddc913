//! Interface texts in each language.

use serde::Serialize;
use std::fmt;
use std::str::FromStr;

/// Language of a site's user interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SiteLanguage {
    /// English.
    #[default]
    English,
    /// French.
    French,
    /// German.
    German,
    /// Spanish.
    Spanish,
}

/// Error returned when parsing an unsupported language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected one of the languages de, en, es and fr")]
pub struct SiteLanguageError;

impl SiteLanguage {
    /// All languages, sorted by tag.
    pub const ALL: [Self; 4] = [Self::German, Self::English, Self::Spanish, Self::French];

    /// Returns the language tag.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::French => "fr",
            Self::German => "de",
            Self::Spanish => "es",
        }
    }

    pub(super) fn texts(self) -> &'static Texts {
        match self {
            Self::English => &ENGLISH,
            Self::French => &FRENCH,
            Self::German => &GERMAN,
            Self::Spanish => &SPANISH,
        }
    }
}

impl fmt::Display for SiteLanguage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for SiteLanguage {
    type Err = SiteLanguageError;

    fn from_str(text: &str) -> Result<Self, SiteLanguageError> {
        Self::ALL.into_iter().find(|language| language.as_str() == text).ok_or(SiteLanguageError)
    }
}

/// Interface texts. They're passed to the script as JSON.
#[derive(Debug, Serialize)]
pub(super) struct Texts {
    pub(super) lang: &'static str,
    /// Thousands separator.
    pub(super) group: &'static str,
    pub(super) skip: &'static str,
    pub(super) search: &'static str,
    pub(super) search_label: &'static str,
    pub(super) clear: &'static str,
    pub(super) sort: &'static str,
    pub(super) sort_order: &'static str,
    pub(super) sort_title: &'static str,
    pub(super) filters: &'static str,
    pub(super) more: &'static str,
    pub(super) one_object: &'static str,
    pub(super) objects: &'static str,
    pub(super) one_result: &'static str,
    pub(super) results: &'static str,
    pub(super) no_results: &'static str,
    pub(super) searching: &'static str,
    pub(super) search_failed: &'static str,
    pub(super) needs_script: &'static str,
    pub(super) page: &'static str,
    pub(super) pages: &'static str,
    pub(super) previous: &'static str,
    pub(super) next: &'static str,
    pub(super) previous_object: &'static str,
    pub(super) next_object: &'static str,
    pub(super) back: &'static str,
    pub(super) about: &'static str,
    pub(super) contents: &'static str,
    pub(super) provider: &'static str,
    pub(super) date: &'static str,
    pub(super) coordinates: &'static str,
    pub(super) links: &'static str,
    pub(super) rights: &'static str,
    pub(super) cite: &'static str,
    pub(super) download: &'static str,
    pub(super) share: &'static str,
    pub(super) copy: &'static str,
    pub(super) copy_link: &'static str,
    pub(super) copied: &'static str,
    pub(super) manifest: &'static str,
    pub(super) attribution: &'static str,
    pub(super) viewer: &'static str,
    pub(super) viewer_help: &'static str,
    pub(super) zoom_in: &'static str,
    pub(super) zoom_out: &'static str,
    pub(super) whole: &'static str,
    pub(super) rotate: &'static str,
    pub(super) full_screen: &'static str,
    pub(super) two_pages: &'static str,
    pub(super) one_page: &'static str,
    pub(super) next_page: &'static str,
    pub(super) previous_page: &'static str,
    pub(super) image_failed: &'static str,
    pub(super) retry: &'static str,
    pub(super) made_with: &'static str,
}

impl Texts {
    /// Returns a number with thousands separators.
    pub(super) fn number(&self, number: usize) -> String {
        let digits = number.to_string();
        let mut grouped = String::new();
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                grouped.push_str(self.group);
            }
            grouped.push(digit);
        }
        grouped
    }

    /// Returns the number of objects as text.
    pub(super) fn object_count(&self, count: usize) -> String {
        if count == 1 { self.one_object.to_owned() } else { self.objects.replace("{}", &self.number(count)) }
    }

    /// Returns the number of pages as text.
    pub(super) fn page_count(&self, count: usize) -> String {
        self.pages.replace("{}", &self.number(count))
    }
}

const ENGLISH: Texts = Texts {
    lang: "en",
    group: ",",
    skip: "Skip to content",
    search: "Search",
    search_label: "Search the collection",
    clear: "Clear",
    sort: "Sort by",
    sort_order: "Collection order",
    sort_title: "Title",
    filters: "Filter",
    more: "Show more",
    one_object: "1 object",
    objects: "{} objects",
    one_result: "1 result",
    results: "{} results",
    no_results: "Nothing found. Try fewer or other words.",
    searching: "Searching…",
    search_failed: "The search could not be loaded. Check your connection and try again.",
    needs_script: "Searching needs JavaScript. All objects are listed below.",
    page: "Page {}",
    pages: "{} pages",
    previous: "Previous",
    next: "Next",
    previous_object: "Previous object",
    next_object: "Next object",
    back: "All objects",
    about: "About this object",
    contents: "Contents",
    provider: "Provided by",
    date: "Date",
    coordinates: "Coordinates",
    links: "Links",
    rights: "Rights",
    cite: "Cite",
    download: "Download",
    share: "Share",
    copy: "Copy",
    copy_link: "Copy link to this view",
    copied: "Copied",
    manifest: "IIIF manifest",
    attribution: "Credit",
    viewer: "Image viewer",
    viewer_help: "Arrow keys move, plus and minus zoom, 0 shows the whole image",
    zoom_in: "Zoom in",
    zoom_out: "Zoom out",
    whole: "Whole image",
    rotate: "Rotate",
    full_screen: "Full screen",
    two_pages: "Two pages",
    one_page: "Single page",
    next_page: "Next page",
    previous_page: "Previous page",
    image_failed: "This image could not be loaded.",
    retry: "Try again",
    made_with: "Published with",
};

const GERMAN: Texts = Texts {
    lang: "de",
    group: ".",
    skip: "Zum Inhalt",
    search: "Suchen",
    search_label: "Sammlung durchsuchen",
    clear: "Zurücksetzen",
    sort: "Sortieren nach",
    sort_order: "Übliche Ordnung",
    sort_title: "Titel",
    filters: "Filter",
    more: "Mehr anzeigen",
    one_object: "1 Objekt",
    objects: "{} Objekte",
    one_result: "1 Treffer",
    results: "{} Treffer",
    no_results: "Nichts gefunden. Versuchen Sie weniger oder andere Wörter.",
    searching: "Suche läuft …",
    search_failed: "Die Suche konnte nicht geladen werden. Prüfen Sie die Verbindung und versuchen Sie es erneut.",
    needs_script: "Die Suche braucht JavaScript. Alle Objekte stehen unten.",
    page: "Seite {}",
    pages: "{} Seiten",
    previous: "Zurück",
    next: "Weiter",
    previous_object: "Vorheriges Objekt",
    next_object: "Nächstes Objekt",
    back: "Alle Objekte",
    about: "Über dieses Objekt",
    contents: "Inhalt",
    provider: "Bereitgestellt von",
    date: "Datum",
    coordinates: "Koordinaten",
    links: "Links",
    rights: "Rechte",
    cite: "Zitieren",
    download: "Herunterladen",
    share: "Teilen",
    copy: "Kopieren",
    copy_link: "Link zu dieser Ansicht kopieren",
    copied: "Kopiert",
    manifest: "IIIF-Manifest",
    attribution: "Nachweis",
    viewer: "Bildbetrachter",
    viewer_help: "Pfeiltasten verschieben, Plus und Minus zoomen, 0 zeigt das ganze Bild",
    zoom_in: "Vergrößern",
    zoom_out: "Verkleinern",
    whole: "Ganzes Bild",
    rotate: "Drehen",
    full_screen: "Vollbild",
    two_pages: "Doppelseite",
    one_page: "Einzelseite",
    next_page: "Nächste Seite",
    previous_page: "Vorherige Seite",
    image_failed: "Dieses Bild konnte nicht geladen werden.",
    retry: "Erneut versuchen",
    made_with: "Veröffentlicht mit",
};

const FRENCH: Texts = Texts {
    lang: "fr",
    group: "\u{202f}",
    skip: "Aller au contenu",
    search: "Rechercher",
    search_label: "Rechercher dans la collection",
    clear: "Effacer",
    sort: "Trier par",
    sort_order: "Ordre initial",
    sort_title: "Titre",
    filters: "Filtrer",
    more: "Afficher plus",
    one_object: "1 objet",
    objects: "{} objets",
    one_result: "1 résultat",
    results: "{} résultats",
    no_results: "Aucun résultat. Essayez moins de mots ou d’autres mots.",
    searching: "Recherche…",
    search_failed: "La recherche n’a pas pu être chargée. Vérifiez la connexion et réessayez.",
    needs_script: "La recherche nécessite JavaScript. Tous les objets figurent ci-dessous.",
    page: "Page {}",
    pages: "{} pages",
    previous: "Précédent",
    next: "Suivant",
    previous_object: "Objet précédent",
    next_object: "Objet suivant",
    back: "Tous les objets",
    about: "À propos de cet objet",
    contents: "Table des matières",
    provider: "Fourni par",
    date: "Date",
    coordinates: "Coordonnées",
    links: "Liens",
    rights: "Droits",
    cite: "Citer",
    download: "Télécharger",
    share: "Partager",
    copy: "Copier",
    copy_link: "Copier le lien vers cette vue",
    copied: "Copié",
    manifest: "Manifeste IIIF",
    attribution: "Crédit",
    viewer: "Visionneuse",
    viewer_help: "Les flèches déplacent, plus et moins zooment, 0 affiche l’image entière",
    zoom_in: "Agrandir",
    zoom_out: "Réduire",
    whole: "Image entière",
    rotate: "Pivoter",
    full_screen: "Plein écran",
    two_pages: "Double page",
    one_page: "Page simple",
    next_page: "Page suivante",
    previous_page: "Page précédente",
    image_failed: "Cette image n’a pas pu être chargée.",
    retry: "Réessayer",
    made_with: "Publié avec",
};

const SPANISH: Texts = Texts {
    lang: "es",
    group: ".",
    skip: "Ir al contenido",
    search: "Buscar",
    search_label: "Buscar en la colección",
    clear: "Borrar",
    sort: "Ordenar por",
    sort_order: "Orden inicial",
    sort_title: "Título",
    filters: "Filtrar",
    more: "Mostrar más",
    one_object: "1 objeto",
    objects: "{} objetos",
    one_result: "1 resultado",
    results: "{} resultados",
    no_results: "Sin resultados. Pruebe con menos palabras o con otras.",
    searching: "Buscando…",
    search_failed: "No se pudo cargar la búsqueda. Compruebe la conexión e inténtelo de nuevo.",
    needs_script: "La búsqueda necesita JavaScript. Todos los objetos aparecen abajo.",
    page: "Página {}",
    pages: "{} páginas",
    previous: "Anterior",
    next: "Siguiente",
    previous_object: "Objeto anterior",
    next_object: "Objeto siguiente",
    back: "Todos los objetos",
    about: "Sobre este objeto",
    contents: "Índice",
    provider: "Proporcionado por",
    date: "Fecha",
    coordinates: "Coordenadas",
    links: "Enlaces",
    rights: "Derechos",
    cite: "Citar",
    download: "Descargar",
    share: "Compartir",
    copy: "Copiar",
    copy_link: "Copiar enlace a esta vista",
    copied: "Copiado",
    manifest: "Manifiesto IIIF",
    attribution: "Crédito",
    viewer: "Visor de imágenes",
    viewer_help: "Las flechas mueven, más y menos amplían y reducen, 0 muestra la imagen completa",
    zoom_in: "Ampliar",
    zoom_out: "Reducir",
    whole: "Imagen completa",
    rotate: "Girar",
    full_screen: "Pantalla completa",
    two_pages: "Doble página",
    one_page: "Una página",
    next_page: "Página siguiente",
    previous_page: "Página anterior",
    image_failed: "No se pudo cargar esta imagen.",
    retry: "Reintentar",
    made_with: "Publicado con",
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_as_in_the_language() {
        assert_eq!(ENGLISH.object_count(1), "1 object");
        assert_eq!(GERMAN.object_count(1_234_567), "1.234.567 Objekte");
        assert_eq!(FRENCH.number(1234), "1\u{202f}234");
        assert_eq!(ENGLISH.number(123), "123");
    }

    #[test]
    fn every_language_has_its_own_words() {
        let json = |language: SiteLanguage| serde_json::to_value(language.texts()).expect("text alone");
        for language in SiteLanguage::ALL {
            assert_eq!(language.as_str().parse(), Ok(language));
            let texts = json(language);
            for (name, text) in texts.as_object().expect("an object") {
                let english = json(SiteLanguage::English)[name].as_str().expect("text").matches("{}").count();
                assert_eq!(text.as_str().expect("text").matches("{}").count(), english, "{name} in {language}");
                assert!(!text.as_str().unwrap_or_default().is_empty(), "{name} in {language}");
            }
        }
        assert!("it".parse::<SiteLanguage>().is_err());
    }
}
