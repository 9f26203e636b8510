import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.context.support.DefaultProfileValidationSupport;
import ca.uhn.fhir.validation.FhirValidator;
import ca.uhn.fhir.validation.ResultSeverityEnum;
import ca.uhn.fhir.validation.SingleValidationMessage;
import java.nio.file.Files;
import java.nio.file.Path;
import org.hl7.fhir.common.hapi.validation.support.CommonCodeSystemsTerminologyService;
import org.hl7.fhir.common.hapi.validation.support.InMemoryTerminologyServerValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.ValidationSupportChain;
import org.hl7.fhir.common.hapi.validation.validator.FhirInstanceValidator;

/** HAPI's R4 validator over a file of resources, one JSON object a line: prints each error behind its line's number. */
public class Validate {
    public static void main(String[] args) throws Exception {
        FhirContext r4 = FhirContext.forR4();
        // R4 itself and the code systems that come with it. BALP's profiles are in no Maven repository:
        // that a resource claims one of them is no error.
        FhirInstanceValidator instances = new FhirInstanceValidator(new ValidationSupportChain(
            new DefaultProfileValidationSupport(r4), new InMemoryTerminologyServerValidationSupport(r4),
            new CommonCodeSystemsTerminologyService(r4)));
        instances.setErrorForUnknownProfiles(false);
        FhirValidator validator = r4.newValidator().registerValidatorModule(instances);
        int line = 0;
        for (String resource : Files.readAllLines(Path.of(args[0]))) {
            line++;
            for (SingleValidationMessage said : validator.validateWithResult(resource).getMessages()) {
                if (said.getSeverity().compareTo(ResultSeverityEnum.ERROR) < 0) continue;
                System.out.println(line + ": " + said.getLocationString() + ": " + said.getMessage());
            }
        }
        System.out.println(line + " lines");
    }
}
